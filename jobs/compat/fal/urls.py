"""URLs of fal's API. The SDK has three hosts, /fal, /fal/queue and /fal/rest, and appends paths to them."""

from django.urls import path

from jobs.compat.fal.storage import InitiateUploadView, UploadView
from jobs.compat.fal.views import (
    CancelQueuedRequestView,
    ResultView,
    RunView,
    StatusStreamView,
    StatusView,
    SubmitView,
)

app_name = "fal"
_REQUEST = "queue/<str:owner>/<str:name>/requests/<str:video_id>"
urlpatterns = [
    path(_REQUEST, ResultView.as_view(), name="response"),
    path(f"{_REQUEST}/status", StatusView.as_view(), name="status"),
    path(f"{_REQUEST}/status/stream", StatusStreamView.as_view(), name="status-stream"),
    path(f"{_REQUEST}/cancel", CancelQueuedRequestView.as_view(), name="cancel"),
    path("rest/storage/upload/initiate", InitiateUploadView.as_view(), name="upload-initiate"),
    path("rest/storage/upload/<str:file_id>", UploadView.as_view(), name="upload"),
    path("queue/<path:application>", SubmitView.as_view(), name="submit"),
    path("<path:application>", RunView.as_view(), name="run"),
]
