"""What the portal answers, with types. Fields that a newer portal adds are in `raw`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mutoscope.events import Event

FINISHED_STATUSES = frozenset({"completed", "failed", "canceled", "expired"})


@dataclass(frozen=True)
class Video:
    """A video and where it stands: `queued in_progress completed failed canceled expired`."""

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
        """It will not change any more, whatever came of it."""
        return self.status in FINISHED_STATUSES

    @property
    def is_completed(self) -> bool:
        """There is a video to download."""
        return self.status == "completed"

    def apply_event(self, event: Event) -> Video:
        """The same video as an event says that it stands now."""
        known = {name: getattr(event, name) for name in ("status", "progress", "eta_seconds") if hasattr(event, name)}
        if known.get("status") == "queued":
            known["progress"] = 0
        return replace(self, **known)


@dataclass(frozen=True)
class Quote:
    """What a video would cost, before it is asked for. Credits, and seconds."""

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
    """Many videos that were asked for in one call: `in_progress completed canceled`, which says when it is over.

    counts: of its requests, by `not_taken refused queued in_progress completed failed canceled expired deleted`.
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
        """Every video of it is done, however it ended."""
        return self.status != "in_progress"


@dataclass(frozen=True)
class BatchItem:
    """What became of one request: a video, or the error that says why there is none. index: from 0."""

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


def get_id(thing: str | Video | Batch) -> str:
    """Every method takes a video or a batch, or its id."""
    return thing if isinstance(thing, str) else thing.id
