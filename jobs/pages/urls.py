"""Addresses of the pages about videos."""

from django.urls import path

from jobs.pages import create, history, videos

urlpatterns = [
    path("", create.create, name="create"),
    path("price", create.price, name="price"),
    path("history", history.history, name="history"),
    path("history/running", history.running, name="history_running"),
    path("videos/<str:video_id>", videos.video, name="video"),
    path("videos/<str:video_id>/live", videos.live, name="video_live"),
    path("videos/<str:video_id>/picture", videos.picture, name="video_picture"),
    path("videos/<str:video_id>/cancel", videos.cancel, name="cancel_video"),
    path("videos/<str:video_id>/delete", videos.delete, name="delete_video"),
]
