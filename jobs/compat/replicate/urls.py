"""URLs of Replicate's API, below /replicate/v1/."""

from django.urls import path

from jobs.compat.replicate.files import FilesView, FileView
from jobs.compat.replicate.model_views import ModelsView, ModelView, VersionsView, VersionView
from jobs.compat.replicate.predictions import (
    CancelPredictionView,
    ModelPredictionsView,
    PredictionsView,
    PredictionView,
)
from jobs.compat.replicate.webhooks import SecretView
from jobs.compat.views import UnknownRoute

app_name = "replicate"
urlpatterns = [
    path("predictions", PredictionsView.as_view(), name="predictions"),
    path("predictions/<str:video_id>", PredictionView.as_view(), name="prediction"),
    path("predictions/<str:video_id>/cancel", CancelPredictionView.as_view(), name="prediction-cancel"),
    path("models", ModelsView.as_view(), name="models"),
    path("models/<str:owner>/<str:name>", ModelView.as_view(), name="model"),
    path("models/<str:owner>/<str:name>/predictions", ModelPredictionsView.as_view(), name="model-predictions"),
    path("models/<str:owner>/<str:name>/versions", VersionsView.as_view(), name="versions"),
    path("models/<str:owner>/<str:name>/versions/<str:version_id>", VersionView.as_view(), name="version"),
    path("files", FilesView.as_view(), name="files"),
    path("files/<str:file_id>", FileView.as_view(), name="file"),
    path("webhooks/default/secret", SecretView.as_view(), name="webhook-secret"),
    path("<path:rest>", UnknownRoute.as_view()),
]
