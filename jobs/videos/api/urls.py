"""URLs of the API. Included at the root, so that /generate keeps its URL."""

from django.conf import settings
from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from accounts.auth.impersonation import Access, impersonation
from jobs.api.auth_check import AuthCheckView
from jobs.videos.api.content import ContentView
from jobs.videos.api.events import EventsView
from jobs.videos.api.extend import ExtendView, ExtensionsView
from jobs.videos.api.generate import GenerateView, UnversionedGenerateView
from jobs.videos.api.limits import LimitsView
from jobs.videos.api.model_catalogue import ModelDetailView, ModelListView, PresetListView
from jobs.videos.api.quote import QuoteView
from jobs.videos.api.remix import RemixView
from jobs.videos.api.usage import UsageView
from jobs.videos.api.videos import CancelVideoView, LongPollingVideoView, VideosView, VideoView

app_name = "api"
# Processes without long polling respond to `?wait=` at once.
video = LongPollingVideoView if settings.LONG_POLLING_ENABLED else VideoView
urlpatterns = [
    path("v1/videos", VideosView.as_view(), name="videos"),
    path("v1/videos/quote", QuoteView.as_view(), name="video-quote"),
    path("v1/videos/extensions", ExtensionsView.as_view(), name="video-extensions"),
    path("v1/videos/<str:video_id>", video.as_view(), name="video"),
    path("v1/videos/<str:video_id>/content", ContentView.as_view(), name="video-content"),
    path("v1/videos/<str:video_id>/events", EventsView.as_view(), name="video-events"),
    path("v1/videos/<str:video_id>/cancel", CancelVideoView.as_view(), name="video-cancel"),
    path("v1/videos/<str:video_id>/remix", RemixView.as_view(), name="video-remix"),
    path("v1/videos/<str:video_id>/extend", ExtendView.as_view(), name="video-extend"),
    path("v1/models", ModelListView.as_view(), name="models"),
    path("v1/models/<str:model_id>", ModelDetailView.as_view(), name="model"),
    path("v1/presets", PresetListView.as_view(), name="presets"),
    path("v1/auth", AuthCheckView.as_view(), name="auth-check"),
    path("v1/known", AuthCheckView.as_view()),  # the old name, kept for one release
    path("v1/limits", LimitsView.as_view(), name="limits"),
    path("v1/usage", UsageView.as_view(), name="usage"),
    path("v1/generate", GenerateView.as_view(), name="generate"),
    path("generate", UnversionedGenerateView.as_view(), name="generate-unversioned"),
    path("v1/openapi.json", impersonation(Access.READ)(SpectacularJSONAPIView.as_view()), name="openapi"),
]
