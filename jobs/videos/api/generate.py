"""The legacy endpoint /generate: send an image, wait, receive the video in the response.

It submits an ordinary job. The job continues if the client disconnects. If it takes too long, the response contains the
URL of the video's status.
"""

import base64
import re
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import Conflict, MutoscopeError
from common.messages import Message
from common.ratelimit import Limit
from jobs.api.async_views import AsyncAPIView
from jobs.api.authentication import principal_of
from jobs.api.errors import (
    LegacyErrorShape,
    as_mutoscope_error,
    error_headers,
    legacy_error_envelope,
    legacy_status,
    with_supported_media_types,
)
from jobs.api.parsers import JSON_AND_MULTIPART_PARSERS
from jobs.api.shapes import Url, serializer_of
from jobs.api.throttling import throttle
from jobs.api.validation import CANCEL_AFTER_PARAMETER, parse_cancel_after, validate
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import load_file
from jobs.storage.signed_urls import signed_content_url
from jobs.videos.admission import GpuMemoryImpossible
from jobs.videos.idempotency import build_idempotency_key
from jobs.videos.polling import wait_until_finished
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.services import submit_video
from jobs.videos.submission import build_request

_PREFER_WAIT = re.compile(r"\bwait=(\d{1,4})\b")
_RETRY_AFTER_SECONDS = 5


@extend_schema_serializer(component_name="Generate")
class GenerateSerializer(VideoRequestSerializer):
    """The fields of a submit without those that came after this endpoint."""

    image_video = None  # type: ignore[assignment]
    last_image_video = None  # type: ignore[assignment]
    last_image_base64 = None  # type: ignore[assignment]
    last_image = None  # type: ignore[assignment]
    last_image_url = None  # type: ignore[assignment]


class GenerateResultShape(TypedDict):
    task_id: str | None
    status: Annotated[str, {"choices": ["success", "pending", "failed"]}]
    video_base64: NotRequired[str | None]
    download_url: NotRequired[Url]
    inference_time_s: NotRequired[float]
    parameters: NotRequired[Annotated[dict[str, Any], {"field": serializers.DictField}]]


class PendingShape(TypedDict):
    task_id: str
    status: Literal["pending"]
    status_url: Url


_SCHEMA: dict[str, Any] = {
    "summary": "Create a video in one request",
    "description": "Waits up to 85 seconds. If the video takes longer, the response is 202 with the URL of its status.",
    "request": {"application/json": GenerateSerializer, "multipart/form-data": GenerateSerializer},
    "responses": {
        200: serializer_of(GenerateResultShape),
        202: serializer_of(PendingShape),
        "4XX": OpenApiResponse(serializer_of(LegacyErrorShape)),
        "5XX": OpenApiResponse(serializer_of(LegacyErrorShape)),
    },
    "parameters": [
        CANCEL_AFTER_PARAMETER,
        OpenApiParameter(
            "Idempotency-Key", str, "header", description="A repeat within 24 hours returns the same video"
        ),
        OpenApiParameter("Prefer", str, "header", description="wait=N: respond after N seconds at the latest"),
    ],
}


class GenerateView(AsyncAPIView):
    """Asynchronous, since hundreds of requests may wait here, each for more than a minute."""

    http_method_names = ["post"]
    parser_classes = JSON_AND_MULTIPART_PARSERS
    scopes = {"POST": Scope.VIDEOS_WRITE}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Before authentication, so that requests with guessed keys count, too.
        ip_address: str = request._request.client_ip  # type: ignore[attr-defined]
        throttle(self, [Limit("address", ip_address, settings.GENERATE_RATE_LIMIT)])
        super().initial(request, *args, **kwargs)

    def extra_limits(self, principal: Principal) -> list[Limit]:
        """Return the limits of this endpoint, which apply in addition to the common ones."""
        caller = f"key {principal.api_key.pk}" if principal.api_key else f"user {principal.user.pk}"
        return [Limit("generate", caller, settings.GENERATE_RATE_LIMIT)]

    @extend_schema(operation_id="generate", **_SCHEMA)
    async def post(self, request: Request) -> Response:
        job = await sync_to_async(_submit)(request)
        job = await wait_until_finished(job.id, timeout_seconds=_wait_seconds(request))
        return await sync_to_async(_build_response)(request, job)

    def get_exception_handler(self) -> Any:
        return _legacy_exception_handler


class UnversionedGenerateView(GenerateView):
    """The same endpoint at its original URL, /generate."""

    @extend_schema(operation_id="generate_unversioned", **_SCHEMA)
    async def post(self, request: Request) -> Response:
        return await super().post(request)


def _legacy_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    client_error = as_mutoscope_error(error)
    if client_error is None:
        return None
    client_error = with_supported_media_types(client_error, context["view"].parser_classes)
    return Response(
        legacy_error_envelope(client_error), status=legacy_status(client_error), headers=error_headers(client_error)
    )


def _submit(request: Request) -> Job:
    principal = principal_of(request)
    values = validate(GenerateSerializer, request.data)
    cancel_after_seconds = parse_cancel_after(request)
    return submit_video(
        principal=principal,
        build=lambda: build_request(values, team=principal.team, cancel_after_seconds=cancel_after_seconds),
        idempotency=build_idempotency_key(request.headers.get("Idempotency-Key"), values),
    )


def _wait_seconds(request: Request) -> float:
    """Return the site's timeout, or the client's if it prefers a shorter one."""
    preferred = _PREFER_WAIT.search(request.headers.get("Prefer", ""))
    maximum: float = settings.GENERATE_TIMEOUT_SECONDS
    return min(maximum, float(preferred[1])) if preferred else maximum


def _build_response(request: Request, job: Job) -> Response:
    http = request._request
    if job.state == State.COMPLETED:
        return Response(_success_body(http, job))
    if not job.is_finished:
        status_url = http.build_absolute_uri(reverse("api:video", args=[job.public_id]))
        pending: PendingShape = {"task_id": job.public_id, "status": "pending", "status_url": status_url}
        return Response(pending, status=202, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
    error = _failure_error(job)
    return Response(legacy_error_envelope(error, task_id=job.public_id), status=legacy_status(error))


def _failure_error(job: Job) -> MutoscopeError:
    """Return the error of a finished job that has no video."""
    if job.state == State.CANCELED:
        return Conflict("The video was canceled.", code="canceled")
    if job.error_code == "out_of_memory":
        return GpuMemoryImpossible(job.error or Message(""))
    return MutoscopeError(job.error or Message(""), code=job.error_code)


def _success_body(http: HttpRequest, job: Job) -> GenerateResultShape:
    inline = (job.result_bytes or 0) <= settings.MAX_INLINE_VIDEO_BYTES
    return {
        "task_id": job.public_id,
        "status": "success",
        "video_base64": base64.b64encode(load_file(job.result_key)).decode("ascii") if inline else None,
        "download_url": signed_content_url(http, job),
        "inference_time_s": round(job.gpu_seconds or 0, 3),
        "parameters": {
            "resolution": job.resolution,
            "width": job.width,
            "height": job.height,
            "num_frames": job.total_frames,
            "fps": job.fps,
            "steps": job.steps,
            "guidance_scale": job.guidance_scale,
            "seed": job.seed,
            "model": job.model,
            "output_format": job.output_format,
        },
    }
