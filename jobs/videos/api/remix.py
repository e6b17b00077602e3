"""/v1/videos/{id}/remix: another video from the same image, with some fields changed."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team
from accounts.roles import Scope
from common.errors import invalid_field
from inference import limits
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import TextField
from jobs.api.parsers import JSON_AND_MULTIPART_PARSERS
from jobs.api.validation import CANCEL_AFTER_PARAMETER, parse_cancel_after, validate
from jobs.models import Job
from jobs.storage.files import load_last_image, load_source_image
from jobs.videos.api.serializers import VideoSerializer, video_as_json
from jobs.videos.idempotency import build_idempotency_key
from jobs.videos.inherited_values import inherited_values, target_model
from jobs.videos.selectors import find_video
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.services import submit_video
from jobs.videos.source_images import LAST_IMAGE_FIELDS
from jobs.videos.submission import RequestImage, build_request, read_source_image


@extend_schema_serializer(component_name="Remix")
class RemixSerializer(VideoRequestSerializer):
    """The fields of a submit except the image. Missing fields, also the last image, have the values of the original
    video, except `metadata` and `webhook_url`. A missing seed is random.
    """

    image_base64 = None  # type: ignore[assignment]
    image = None  # type: ignore[assignment]
    input_reference = None  # type: ignore[assignment]
    image_url = None  # type: ignore[assignment]
    image_video = None  # type: ignore[assignment]
    prompt = TextField(max_length=limits.MAX_PROMPT_LENGTH, required=False)


class RemixView(APIView):
    parser_classes = JSON_AND_MULTIPART_PARSERS
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="videos_remix",
        summary="Create another video from the same image",
        request={"application/json": RemixSerializer, "multipart/form-data": RemixSerializer},
        responses={202: VideoSerializer, **ERRORS},
        parameters=[CANCEL_AFTER_PARAMETER, OpenApiParameter("Idempotency-Key", str, "header")],
    )
    def post(self, request: Request, video_id: str) -> Response:
        principal = principal_of(request)
        original = find_video(principal.team, video_id)
        changes = validate(RemixSerializer, request.data)
        # The id of the original stands for its image.
        idempotency = build_idempotency_key(request.headers.get("Idempotency-Key"), {"remix_of": video_id, **changes})
        cancel_after_seconds = parse_cancel_after(request)
        job = submit_video(
            principal=principal,
            build=lambda: build_request(
                {**inherited_values(original, changes), **changes},
                team=principal.team,
                cancel_after_seconds=cancel_after_seconds,
                image=_image_for(original, changes, principal.team),
                last_image=_last_image_for(original, changes, principal.team),
                remixed_from=original.id,
            ),
            idempotency=idempotency,
        )
        body = video_as_json(job, request)
        return Response(body, status=202, headers={"Location": body["urls"]["self"], "Retry-After": "1"})


def _image_for(original: Job, changes: dict[str, Any], team: Team) -> RequestImage | None:
    """Return the image of the original; None if it has none, or if the model of the remix takes none.

    Raise InvalidField if the model needs an image that there never was. Reading one that was deleted raises
    SourceImageMissing.
    """
    target = target_model(original, changes)
    if target is not None and not original.has_image and target.inputs.image == "required":
        raise invalid_field(
            "model",
            "This video was made without an image, and %(model)s needs one. Choose another model.",
            {"model": target.name},
        )
    if not original.has_image or (target is not None and target.inputs.image == "none"):
        return None
    return RequestImage("image", lambda: read_source_image("image", load_source_image(original), team=team))


def _last_image_for(original: Job, changes: dict[str, Any], team: Team) -> RequestImage | None:
    """Return the last image of the original, unless the remix has its own, or a model that takes none."""
    target = target_model(original, changes)
    is_kept = original.last_image_key and changes.keys().isdisjoint(LAST_IMAGE_FIELDS)
    if not is_kept or (target is not None and target.inputs.last_image == "none"):
        return None
    return RequestImage("last_image", lambda: read_source_image("last_image", load_last_image(original), team=team))
