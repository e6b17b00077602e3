"""Batches and their items as the API accepts and returns them."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypedDict

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from common.clock import unix_seconds
from jobs.api.errors import ErrorBodyShape, rendered_error
from jobs.api.fields import (
    ChoiceField,
    HttpUrlField,
    IdField,
    MetadataField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from jobs.api.shapes import Text, Url, serializer_of
from jobs.batches.bodies import IMAGE_NAME_PATTERN, MAX_ITEMS
from jobs.batches.models import Batch, BatchItem
from jobs.batches.progress import ITEM_STATES, BatchProgress, status_of
from jobs.events.shapes import JobErrorShape, Status
from jobs.videos.api.serializers import Percent, UrlsShape, video_as_json
from jobs.videos.serializers import VideoRequestSerializer

_MAX_CANCEL_AFTER_SECONDS = 7 * 24 * 3600

# Stored values, and their names in the API.
ON_ERROR_NAMES = {Batch.OnError.CONTINUE.value: "continue", Batch.OnError.FAIL_FAST.value: "fail_fast"}
ON_ERROR_CHOICES = [*ON_ERROR_NAMES.values(), Batch.OnError.FAIL_FAST.value]


class CustomIdField(TextField):
    normalizes = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, required=False, help_text="your id, unique in the batch", **kwargs)


@extend_schema_serializer(component_name="BatchVideo")
class BatchRequestSerializer(VideoRequestSerializer):
    """A video to create. `image_name` or `source_video` may replace `image_base64`, and `last_image_name` may replace
    `last_image_base64`.
    """

    image = None  # type: ignore[assignment]
    input_reference = None  # type: ignore[assignment]
    last_image = None  # type: ignore[assignment]
    custom_id = CustomIdField()
    image_name = TextField(max_length=100, required=False, help_text="an image that is sent with the batch")
    last_image_name = TextField(max_length=100, required=False, help_text="the same for the last image")
    source_video = IdField("vid", required=False, help_text="a video of the team whose image is used")
    cancel_after = StrictIntegerField(
        required=False,
        min_value=1,
        max_value=_MAX_CANCEL_AFTER_SECONDS,
        help_text="seconds after which the video is canceled if it has not started",
    )

    _IMAGE_FIELDS = ("image_base64", "image_name", "source_video", "image_url", "image_video")
    _LAST_IMAGE_FIELDS = ("last_image_base64", "last_image_name", "last_image_url", "last_image_video")
    MUTUALLY_EXCLUSIVE_FIELDS = (
        _IMAGE_FIELDS,
        _LAST_IMAGE_FIELDS,
        *VideoRequestSerializer.MUTUALLY_EXCLUSIVE_FIELDS[2:],
    )


def read_custom_id(raw_request: Any) -> str:
    """Return the custom_id of a request whose other fields may be invalid; an empty text if it is unusable."""
    try:
        return str(CustomIdField().run_validation(raw_request["custom_id"]))
    except (KeyError, serializers.ValidationError):
        return ""


class OnErrorField(ChoiceField):
    """`continue` or `fail_fast`, with the former name of the latter, which is also the stored value."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ON_ERROR_CHOICES, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        return next((value for value, known in ON_ERROR_NAMES.items() if known == name), name)


class BatchOptionsSerializer(StrictSerializer):
    """The options of a batch."""

    name = TextField(max_length=120, required=False, allow_blank=True, help_text="a name to display")
    metadata = MetadataField(required=False, help_text="only in JSON bodies")
    webhook_url = HttpUrlField(required=False, help_text="receives the batch when its last video has finished")
    on_error = OnErrorField(
        default=Batch.OnError.CONTINUE.value,
        help_text="what happens to the other requests when one is refused; refuse_all is the former name of fail_fast",
    )


@extend_schema_field(
    {
        "type": "object",
        "propertyNames": {"pattern": f"^{IMAGE_NAME_PATTERN}$"},
        "additionalProperties": {"type": "string", "minLength": 1},
    }
)
class ImagesField(serializers.DictField):
    """For the OpenAPI description only. `body_from_request` validates the images."""


class NewBatchSerializer(BatchOptionsSerializer):
    """A batch as one JSON body."""

    requests = BatchRequestSerializer(many=True, min_length=1, max_length=MAX_ITEMS)  # type: ignore[call-arg]
    images = ImagesField(required=False, help_text="images in base64 by name, for `image_name`")


class BatchFormSerializer(BatchOptionsSerializer):
    """A batch as a form. The other files are images, each under the name that `image_name` refers to."""

    requests = serializers.FileField(help_text="JSON Lines with one request per line")
    metadata = None  # type: ignore[assignment]

    ADDITIONAL_FIELDS_SCHEMA = {"type": "string", "format": "binary"}


class ItemVideoShape(TypedDict):
    id: str
    object: Literal["video"]
    status: Status
    progress: Percent
    error: JobErrorShape | None
    urls: UrlsShape


class BatchItemShape(TypedDict):
    """`video` is set if one was created, `error` if the request was refused; neither if the video was deleted."""

    id: str
    object: Literal["batch.item"]
    index: Annotated[int, {"help_text": "position among the requests, from 0"}]
    custom_id: str | None
    status: Annotated[str, {"choices": list(ITEM_STATES)}]
    video: ItemVideoShape | None
    error: ErrorBodyShape | None


class CountsShape(TypedDict):
    """Numbers of requests by status. `not_taken` repeats `pending`; the others add up to `total`."""

    total: int
    pending: Annotated[int, {"help_text": "not processed yet: send the batch again with its Idempotency-Key"}]
    not_taken: Annotated[int, {"help_text": "deprecated: the former name of `pending`"}]
    refused: int
    queued: int
    in_progress: int
    completed: int
    failed: int
    canceled: int
    expired: int
    deleted: int


class BatchUsageShape(TypedDict):
    credits_reserved: Annotated[int, {"help_text": "for videos that are not finished"}]
    credits_charged: int


class BatchUrlsShape(TypedDict):
    self: Url
    items: Url
    cancel: Url
    results: Url


class BatchShape(TypedDict):
    """Times are whole seconds since 1970. `eta_seconds` is null if it is unknown, and always null in lists."""

    id: str
    object: Literal["batch"]
    status: Annotated[str, {"choices": Batch.State.values}]
    name: Text
    progress: Percent
    counts: CountsShape
    usage: BatchUsageShape
    eta_seconds: float | None
    created_at: int
    completed_at: int | None
    # The choices of the request, so that the description has one enumeration; the former name is never sent.
    on_error: Annotated[str, {"choices": ON_ERROR_CHOICES}]
    metadata: dict[str, str]
    urls: BatchUrlsShape


class CreatedBatchShape(BatchShape):
    """The response to a new batch, with its items."""

    items: list[BatchItemShape]


BatchItemSerializer = serializer_of(BatchItemShape)
BatchSerializer = serializer_of(BatchShape)
CreatedBatchSerializer = serializer_of(CreatedBatchShape)


def site_url(path: str) -> str:
    """Return the absolute URL, for use outside of a request."""
    return f"{settings.SITE_URL}{path}"


def batch_as_json(
    batch: Batch,
    progress: BatchProgress,
    *,
    absolute: Callable[[str], str] = site_url,
    eta_seconds: float | None = None,
) -> BatchShape:
    """Return the batch as JSON."""
    counts = progress.counts

    def url(route: str) -> str:
        return absolute(reverse(f"api_{route}", args=[batch.public_id]))

    return {
        "id": batch.public_id,
        "object": "batch",
        "status": batch.state,
        "name": batch.name,
        "progress": progress.percent,
        "counts": {
            "total": batch.total,
            "pending": counts["pending"],
            "refused": counts["refused"],
            "queued": counts["queued"],
            "in_progress": counts["in_progress"],
            "completed": counts["completed"],
            "failed": counts["failed"],
            "canceled": counts["canceled"],
            "expired": counts["expired"],
            "deleted": counts["deleted"],
            "not_taken": counts["pending"],
        },
        "usage": {"credits_reserved": progress.credits_reserved, "credits_charged": progress.credits_charged},
        "eta_seconds": eta_seconds,
        "created_at": unix_seconds(batch.created_at),
        "completed_at": unix_seconds(batch.finished_at),
        "on_error": ON_ERROR_NAMES[batch.on_error],
        "metadata": batch.metadata,
        "urls": {
            "self": url("batch"),
            "items": url("batch_items"),
            "cancel": url("batch_cancel"),
            "results": url("batch_results"),
        },
    }


def item_as_json(item: BatchItem, request: Request) -> BatchItemShape:
    """Return the item as JSON. `job` should be fetched with the item."""
    status = status_of(item)
    video: ItemVideoShape | None = None
    if item.job is not None and status != "deleted":
        full = video_as_json(item.job, request, with_queue=False)
        video = {
            "id": full["id"],
            "object": full["object"],
            "status": full["status"],
            "progress": full["progress"],
            "error": full["error"],
            "urls": full["urls"],
        }
    return {
        "id": item.public_id,
        "object": "batch.item",
        "index": item.index,
        "custom_id": item.custom_id or None,
        "status": status,
        "video": video,
        "error": rendered_error(item.error) if item.error else None,
    }
