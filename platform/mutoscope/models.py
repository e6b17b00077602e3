"""Typed objects of the API. `raw` has the whole JSON object, including fields that a newer server adds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mutoscope.events import Event

FINISHED_STATUSES = frozenset({"completed", "failed", "canceled", "expired"})


@dataclass(frozen=True)
class Video:
    """A video. `status` is queued, in_progress, completed, failed, canceled or expired."""

    id: str
    status: str
    progress: int
    model: str
    prompt: str
    size: str
    seconds: str
    seed: int
    output_format: str
    created_at: datetime
    completed_at: datetime | None
    eta_seconds: float | None
    credits_reserved: int
    credits_charged: int | None
    error_code: str | None
    error_message: str | None
    metadata: dict[str, str]
    raw: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Video:
        queue, usage, error = body.get("queue") or {}, body.get("usage") or {}, body.get("error") or {}
        return cls(
            id=body["id"],
            status=body["status"],
            progress=body["progress"],
            model=body["model"],
            prompt=body["prompt"],
            size=body["size"],
            seconds=body["seconds"],
            seed=body["seed"],
            output_format=body.get("output_format", "mp4"),
            created_at=datetime.fromtimestamp(body["created_at"], UTC),
            completed_at=None
            if body.get("completed_at") is None
            else datetime.fromtimestamp(body["completed_at"], UTC),
            eta_seconds=queue.get("eta_seconds"),
            credits_reserved=usage.get("credits_reserved", 0),
            credits_charged=usage.get("credits_charged"),
            error_code=error.get("code"),
            error_message=error.get("message"),
            metadata=body.get("metadata") or {},
            raw=body,
        )

    @property
    def is_finished(self) -> bool:
        """Whether the status is final: completed, failed, canceled or expired."""
        return self.status in FINISHED_STATUSES

    @property
    def is_done(self) -> bool:
        """Former name of `is_finished`, kept for one release."""
        return self.is_finished

    @property
    def is_completed(self) -> bool:
        """Whether there is a file to download."""
        return self.status == "completed"

    def apply_event(self, event: Event) -> Video:
        """Returns a copy of the video with the changes of an event."""
        changes = {name: getattr(event, name) for name in ("status", "progress", "eta_seconds") if hasattr(event, name)}
        if changes.get("status") == "queued":
            changes["progress"] = 0
        return replace(self, **changes)

    # The former name, kept for one release.
    after = apply_event


@dataclass(frozen=True)
class Quote:
    """The price of a video before it is created. `fits` says whether a GPU of the server has enough memory for it."""

    credits: int
    gpu_seconds: float
    eta_seconds: float | None
    fits: bool
    raw: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Quote:
        return cls(
            credits=body["credits"],
            gpu_seconds=body["gpu_seconds"],
            eta_seconds=body.get("eta_seconds"),
            fits=body.get("fits", True),
            raw=body,
        )


@dataclass(frozen=True)
class Batch:
    """Many videos that were created by one request. `status` is in_progress, completed or canceled.

    `counts` has the number of requests for each status: pending, refused, queued, in_progress, completed, failed,
    canceled, expired and deleted.
    """

    id: str
    status: str
    name: str
    progress: int
    total: int
    counts: dict[str, int]
    eta_seconds: float | None
    credits_reserved: int
    credits_charged: int
    created_at: datetime
    raw: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Batch:
        counts = dict(body["counts"])
        # `not_taken` is the former name of `pending`. A server may send either or both.
        counts.setdefault("pending", counts.get("not_taken", 0))
        return cls(
            id=body["id"],
            status=body["status"],
            name=body["name"],
            progress=body["progress"],
            total=counts.pop("total"),
            counts=counts,
            eta_seconds=body.get("eta_seconds"),
            credits_reserved=body["usage"]["credits_reserved"],
            credits_charged=body["usage"]["credits_charged"],
            created_at=datetime.fromtimestamp(body["created_at"], UTC),
            raw=body,
        )

    @property
    def is_finished(self) -> bool:
        """Whether all its videos are finished."""
        return self.status != "in_progress"

    @property
    def is_done(self) -> bool:
        """Former name of `is_finished`, kept for one release."""
        return self.is_finished


@dataclass(frozen=True)
class BatchItem:
    """The result of one request of a batch: a video or an error. `index` counts from 0."""

    id: str
    index: int
    custom_id: str | None
    status: str
    video_id: str | None
    error_code: str | None
    error_message: str | None
    raw: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> BatchItem:
        video = body.get("video") or {}
        error = body.get("error") or video.get("error") or {}
        return cls(
            id=body["id"],
            index=body["index"],
            custom_id=body["custom_id"],
            status=body["status"],
            video_id=video.get("id"),
            error_code=error.get("code"),
            error_message=error.get("message"),
            raw=body,
        )


def get_id(resource: str | Video | Batch) -> str:
    """Returns the id of a video or a batch. An id is returned unchanged."""
    return resource if isinstance(resource, str) else resource.id
