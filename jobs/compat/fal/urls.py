"""URLs of fal's API. The SDK has two hosts, /fal and /fal/queue, and appends the application to them."""

from django.urls import path

from jobs.compat.fal.views import CancelQueuedRequestView, ResultView, RunView, StatusView, SubmitView

app_name = "fal"
_REQUEST = "queue/<str:owner>/<str:name>/requests/<str:video_id>"
urlpatterns = [
    path(_REQUEST, ResultView.as_view(), name="response"),
    path(f"{_REQUEST}/status", StatusView.as_view(), name="status"),
    path(f"{_REQUEST}/cancel", CancelQueuedRequestView.as_view(), name="cancel"),
    path("queue/<path:application>", SubmitView.as_view(), name="submit"),
    path("<path:application>", RunView.as_view(), name="run"),
]
