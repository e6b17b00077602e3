"""/v1/videos/{id}/remix: a new video from the same picture, with some fields changed."""

from typing import Any

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Scope
from common.errors import Gone
from inference import limits
from jobs.api.authentication import principal_of
from jobs.api.parsers import WITH_FILES
from jobs.api.schema import ERRORS
from jobs.api.serializers import VideoSerializer, video_as_json
from jobs.api.videos import CANCEL_AFTER, cancel_after, checked_body
from jobs.fields import TextField
from jobs.models import Job, Priority
from jobs.requests import VideoRequestSerializer, resolve
from jobs.services.idempotency import idempotency_of
from jobs.services.lookups import find_video
from jobs.services.submit import submit_job

# What a change of the one makes void of the other.
_DISPLACED = {
    "preset": ("steps", "num_frames", "guidance_scale", "size", "priority"),
    "resolution": ("size",),
    "aspect_ratio": ("size",),
    "seconds": ("num_frames",),
    "num_inference_steps": ("steps",),
}


@extend_schema_serializer(component_name="Remix")
class RemixSerializer(VideoRequestSerializer):
    """The fields of a submit but the picture. What is not given is that of the first video, but for `metadata` and
    `webhook_url`; a seed is drawn anew.
    """

    image_base64 = None  # type: ignore[assignment]
    image = None  # type: ignore[assignment]
    input_reference = None  # type: ignore[assignment]
    image_url = None  # type: ignore[assignment]
    prompt = TextField(max_length=limits.PROMPT_LENGTH.maximum, required=False)

    needs_picture = False


class RemixView(APIView):
    parser_classes = WITH_FILES
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="videos_remix",
        summary="Make another video from the same picture",
        request={"application/json": RemixSerializer, "multipart/form-data": RemixSerializer},
        responses={202: VideoSerializer, **ERRORS},
        parameters=[CANCEL_AFTER, OpenApiParameter("Idempotency-Key", str, "header")],
    )
    def post(self, request: Request, video_id: str) -> Response:
        principal = principal_of(request)
        first = find_video(principal.team, video_id)
        changes = checked_body(RemixSerializer, request.data)
        # The picture is the same for the same first video: its id stands for it.
        idempotency = idempotency_of(request.headers.get("Idempotency-Key"), {"remix_of": video_id, **changes})
        values = {**_kept(first, changes), **changes, "image": _picture(first)}
        wanted = resolve(values, team=principal.team, cancel_after_seconds=cancel_after(request))
        job = submit_job(principal=principal, request=wanted, idempotency=idempotency)
        body = video_as_json(job, request)
        return Response(body, status=202, headers={"Location": body["urls"]["self"], "Retry-After": "1"})


def _kept(first: Job, changes: dict[str, Any]) -> dict[str, Any]:
    """The first video's fields that the changes leave as they are."""
    displaced = {name for change in changes for name in _DISPLACED.get(change, ())}
    fields = {
        "prompt": first.prompt,
        "negative_prompt": first.negative_prompt,
        "model": first.model,
        "size": f"{first.width}x{first.height}",
        "num_frames": first.num_frames,
        "fps": first.fps,
        "steps": first.steps,
        "guidance_scale": first.guidance_scale,
        "output_format": first.output_format,
        "priority": Priority(first.priority).label,
    }
    return {name: value for name, value in fields.items() if name not in displaced}


def _picture(first: Job) -> SimpleUploadedFile:
    """Raises Gone once the picture is deleted, with its video or after its retention."""
    if first.is_gone:
        raise Gone("The picture of this video was deleted. Send it again with a new video.")
    try:
        with default_storage.open(first.source_key) as file:
            return SimpleUploadedFile("source.png", file.read(), "image/png")
    except FileNotFoundError:
        raise Gone("The picture of this video was deleted. Send it again with a new video.") from None
