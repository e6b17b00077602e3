"""What the portal answers, with types. Fields that a newer portal adds are in `raw`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

DONE = frozenset({"completed", "failed", "canceled", "expired"})


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
    def is_done(self) -> bool:
        """It will not change any more, whatever came of it."""
        return self.status in DONE

    @property
    def is_completed(self) -> bool:
        """There is a video to download."""
        return self.status == "completed"


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


def id_of(video: str | Video) -> str:
    """Every method takes a video or its id."""
    return video if isinstance(video, str) else video.id
