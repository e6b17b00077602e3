"""/v1/videos/quote: the price and the duration of a video, without submitting it."""

from typing import Annotated, Literal, TypedDict

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.parsers import JSON_AND_MULTIPART_PARSERS
from jobs.api.shapes import serializer_of
from jobs.api.validation import validate
from jobs.videos.estimate import estimate
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.submission import build_request


class SuggestionShape(TypedDict):
    resolution: str
    num_frames: int


class QuoteShape(TypedDict):
    """`eta_seconds`: seconds from now until the video would be finished; null if no worker runs the model."""

    object: Literal["video.quote"]
    model: str
    size: str
    num_frames: int
    steps: int | None
    credits: Annotated[int, {"help_text": "reserved at submit; the charge never exceeds it"}]
    gpu_seconds: float
    eta_seconds: float | None
    position: Annotated[int, {"help_text": "approximate number of videos that would start earlier"}]
    peak_memory_mb: int
    fits: Annotated[bool, {"help_text": "false if no registered GPU has enough memory"}]
    suggestions: Annotated[list[SuggestionShape], {"help_text": "settings that fit, nearest first"}]
    warnings: list[str]


class QuoteView(APIView):
    parser_classes = JSON_AND_MULTIPART_PARSERS
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="videos_quote",
        summary="Quote a video",
        request={"application/json": VideoRequestSerializer, "multipart/form-data": VideoRequestSerializer},
        responses={200: serializer_of(QuoteShape), **ERRORS},
    )
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        video_request = build_request(validate(VideoRequestSerializer, request.data), team=principal.team)
        result = estimate(principal=principal, request=video_request)
        body: QuoteShape = {
            "object": "video.quote",
            "model": video_request.descriptor.name,
            "size": f"{video_request.width}x{video_request.height}",
            "num_frames": video_request.num_frames,
            "steps": video_request.steps,
            "credits": result.price.credits,
            "gpu_seconds": result.price.gpu_seconds,
            "eta_seconds": result.queue_estimate.eta_seconds,
            "position": result.queue_estimate.position,
            "peak_memory_mb": result.price.vram_mb,
            "fits": result.fits,
            "suggestions": [
                {"resolution": suggestion["resolution"], "num_frames": suggestion["num_frames"]}
                for suggestion in result.suggestions
            ],
            "warnings": [str(warning) for warning in video_request.warnings],
        }
        return Response(body)
