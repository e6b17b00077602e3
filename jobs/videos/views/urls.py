"""URLs of the pages about videos."""

from django.urls import path

from jobs.videos.views import create, extend, history, video

urlpatterns = [
    path("", create.create, name="create"),
    path("price", create.price, name="price"),
    path("create/settings", create.model_settings, name="create_settings"),
    path("history", history.history, name="history"),
    path("history/running", history.running, name="history_running"),
    path("videos/<str:video_id>", video.video, name="video"),
    path("videos/<str:video_id>/live", video.progress, name="video_progress"),
    path("videos/<str:video_id>/picture", video.picture, name="video_picture"),
    path("videos/<str:video_id>/last-picture", video.last_picture, name="video_last_picture"),
    path("videos/<str:video_id>/cancel", video.cancel, name="cancel_video"),
    path("videos/<str:video_id>/extend", extend.extend, name="extend_video"),
    path("videos/<str:video_id>/delete", video.delete, name="delete_video"),
]
