"""/v1/videos/{id}/extend and /v1/videos/extensions: a video that continues another one."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Scope
from inference import limits
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import FormBooleanField, IdField, StrictSerializer, TextField, nest_form_fields
from jobs.api.parsers import JSON_AND_MULTIPART_PARSERS
from jobs.api.validation import CANCEL_AFTER_PARAMETER, parse_cancel_after, validate
from jobs.models import Job
from jobs.videos.api.serializers import VideoSerializer, video_as_json
from jobs.videos.extensions import build_extension
from jobs.videos.idempotency import build_idempotency_key
from jobs.videos.selectors import find_video
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.services import submit_video

_PARAMETERS = [CANCEL_AFTER_PARAMETER, OpenApiParameter("Idempotency-Key", str, "header")]


@extend_schema_serializer(component_name="Extend")
class ExtendSerializer(VideoRequestSerializer):
    """The fields of a submit except the images. Missing fields have the values of the video that is continued, except
    `metadata` and `webhook_url`. A missing seed is random.
    """

    image_base64 = None  # type: ignore[assignment]
    image = None  # type: ignore[assignment]
    input_reference = None  # type: ignore[assignment]
    image_url = None  # type: ignore[assignment]
    image_video = None  # type: ignore[assignment]
    last_image_base64 = None  # type: ignore[assignment]
    last_image = None  # type: ignore[assignment]
    last_image_url = None  # type: ignore[assignment]
    last_image_video = None  # type: ignore[assignment]
    prompt = TextField(max_length=limits.MAX_PROMPT_LENGTH, required=False)
    join = FormBooleanField(default=False, help_text="whether the file begins with the frames of that video")


class VideoReferenceSerializer(StrictSerializer):
    """A video of the team."""

    id = IdField("vid")


@extend_schema_serializer(component_name="Extension")
class ExtensionSerializer(ExtendSerializer):
    """OpenAI's body: the continuation is always joined with the video. The other fields are those of `extend`."""

    video = VideoReferenceSerializer(help_text="the completed video; in a form, video[id]")
    prompt = TextField(max_length=limits.MAX_PROMPT_LENGTH)
    join = None  # type: ignore[assignment]

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return super().to_internal_value(nest_form_fields("video", data))


class ExtendView(APIView):
    parser_classes = JSON_AND_MULTIPART_PARSERS
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="videos_extend",
        summary="Continue a video",
        description=(
            "Creates a video that begins with the last frame of this one. With `join`, the file has the frames of this "
            "video, unchanged, and then those of the continuation without its first, which shows the same as the last "
            "of this video: size, fps, format and sound must be the same. `num_frames` and `seconds` of the request "
            "are those of the continuation, which is what is charged; the video that is returned has those of the "
            f"whole file, which has at most {limits.MAX_FRAMES} frames."
        ),
        request={"application/json": ExtendSerializer, "multipart/form-data": ExtendSerializer},
        responses={202: VideoSerializer, **ERRORS},
        parameters=_PARAMETERS,
    )
    def post(self, request: Request, video_id: str) -> Response:
        source = find_video(principal_of(request).team, video_id)
        values = validate(ExtendSerializer, request.data)
        return _submit_extension(request, source, values, join=values.pop("join"))


class ExtensionsView(APIView):
    parser_classes = JSON_AND_MULTIPART_PARSERS
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="videos_create_extension",
        summary="Continue a video, as in OpenAI's API",
        description=(
            "The same as `extend` with `join`. `seconds` is the length of the continuation in the request, and that of "
            "the whole file in the response. OpenAI's SDK sends a form, with a field `video[id]`; it is accepted, too."
        ),
        request={"application/json": ExtensionSerializer},
        responses={202: VideoSerializer, **ERRORS},
        parameters=_PARAMETERS,
    )
    def post(self, request: Request) -> Response:
        values = validate(ExtensionSerializer, request.data)
        source = find_video(principal_of(request).team, values.pop("video")["id"])
        return _submit_extension(request, source, values, join=True)


def _submit_extension(request: Request, source: Job, changes: dict[str, Any], *, join: bool) -> Response:
    principal = principal_of(request)
    cancel_after_seconds = parse_cancel_after(request)
    # The id of the video stands for its last frame.
    sent = {"extend": source.public_id, "join": join, **changes}
    job = submit_video(
        principal=principal,
        build=lambda: build_extension(
            source, changes, team=principal.team, join=join, cancel_after_seconds=cancel_after_seconds
        ),
        idempotency=build_idempotency_key(request.headers.get("Idempotency-Key"), sent),
    )
    body = video_as_json(job, request)
    return Response(body, status=202, headers={"Location": body["urls"]["self"], "Retry-After": "1"})
