"""Typed events of a video."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mutoscope.models import FINISHED_STATUSES
from mutoscope.sse import ServerSentEvent


@dataclass(frozen=True)
class StatusEvent:
    """A new status. `id` resumes a stream after this event; it is empty if the status was polled."""

    id: str
    video_id: str
    status: str
    attempt: int
    error_code: str | None = None
    error_message: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether this is the last event of the video."""
        return self.status in FINISHED_STATUSES

    @property
    def is_done(self) -> bool:
        """Former name of `is_finished`, kept for one release."""
        return self.is_finished


@dataclass(frozen=True)
class ProgressEvent:
    """Progress of a running video: `step` of `steps`, and `progress` in percent."""

    id: str
    video_id: str
    attempt: int
    progress: int
    step: int
    steps: int
    eta_seconds: float | None = None


@dataclass(frozen=True)
class PreviewEvent:
    """A small preview of the unfinished video: `image` holds the bytes of a JPEG."""

    id: str
    video_id: str
    attempt: int
    step: int
    content_type: str
    image: bytes


Event = StatusEvent | ProgressEvent | PreviewEvent


def parse_event(message: ServerSentEvent) -> Event | None:
    """Returns the event, or None if it is unknown or malformed: a newer server may send other events."""
    try:
        body = json.loads(message.data)
        return _PARSERS[message.event](message.id, body) if isinstance(body, dict) else None
    except (ValueError, KeyError, TypeError):
        return None


def _parse_status(event_id: str, body: dict[str, Any]) -> StatusEvent:
    error = body.get("error") or {}
    return StatusEvent(event_id, body["id"], body["status"], body["attempt"], error.get("code"), error.get("message"))


def _parse_progress(event_id: str, body: dict[str, Any]) -> ProgressEvent:
    return ProgressEvent(
        event_id,
        body["id"],
        body["attempt"],
        body["progress"],
        body["step"],
        body["steps"],
        body.get("eta_seconds"),
    )


def _parse_preview(event_id: str, body: dict[str, Any]) -> PreviewEvent:
    image = base64.b64decode(body["image_base64"], validate=True)
    return PreviewEvent(event_id, body["id"], body["attempt"], body["step"], body["content_type"], image)


_PARSERS: dict[str, Callable[[str, dict[str, Any]], Event]] = {
    "status": _parse_status,
    "progress": _parse_progress,
    "preview": _parse_preview,
}
