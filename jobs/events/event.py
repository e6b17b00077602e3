"""The events of a job, and their ids.

The stages of a job follow each other in one order: queued, in progress (attempt 1), queued again, in progress
(attempt 2), …, finished. An event id is a position in this order. It can be computed from the job's row in Postgres as
well as from any message:

    <stage>-<sequence>  stage     3 * attempt while in progress; + 1 while queued after it (1: before the first
                                  attempt); + 2 finished
                        sequence  0 the status; 2 * step the progress; 2 * step + 1 a preview

- An event has the same id whether it came through Redis or was read from Postgres. It is therefore sent once, and a
  client that sends its last id gets all later events, even if Redis has lost its data in the meantime.
- These ids are also the ids of the entries in the job's Redis stream. Redis rejects an entry that does not follow the
  last one, and thereby late events of a worker that has lost the job.
- Stages without an event can be inferred from the stages before and after them (`implied_statuses`).
"""

import base64
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from common.ids import public_id
from jobs.events.shapes import VideoPreviewEventShape, VideoProgressEventShape, VideoStatusEventShape
from jobs.states import TERMINAL, State

_ID = re.compile(r"(\d{1,9})-(\d{1,9})")
_QUEUED, _FINISHED = 1, 2


@dataclass(frozen=True, order=True, slots=True)
class EventId:
    """A position in the life of a job; see the docstring of this module."""

    stage: int
    sequence: int = 0

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the id, or None if the text is not a valid id."""
        match = _ID.fullmatch(text) if text.isascii() else None
        return cls(int(match[1]), int(match[2])) if match else None

    def __str__(self) -> str:
        return f"{self.stage}-{self.sequence}"

    @property
    def is_attempt(self) -> bool:
        return self.stage % 3 == 0

    @property
    def is_finished(self) -> bool:
        return self.stage % 3 == _FINISHED


@dataclass(frozen=True)
class Event:
    """An event of a job. `kind` is `status`, `progress` or `preview`; `data` is one line of JSON."""

    event_id: EventId
    kind: str
    data: str

    @cached_property
    def encoded(self) -> bytes:
        """Return the event in the format of server-sent events. It is encoded once for all subscribers of the job."""
        return f"id: {self.event_id}\nevent: {self.kind}\ndata: {self.data}\n\n".encode()


def stage_of(state: str, attempt: int) -> int:
    """Return the stage of a job in this state."""
    if state in TERMINAL:
        return 3 * attempt + _FINISHED
    return 3 * attempt + (_QUEUED if state == State.QUEUED else 0)


def status_event(job_id: uuid.UUID, *, state: str, attempt: int, code: str = "", message: str = "") -> Event:
    """Return the event of a new state. code and message say why there is no video."""
    data = VideoStatusEventShape(
        id=public_id("vid", job_id),
        status=state,
        attempt=attempt,
        error={"code": code, "message": message} if code else None,
    )
    return Event(EventId(stage_of(state, attempt)), "status", _one_line(data))


def progress_event(
    job_id: uuid.UUID, *, attempt: int, step: int, steps: int, eta_seconds: float | None = None
) -> Event:
    """Return the event that reports how many of the job's steps are done."""
    data = VideoProgressEventShape(
        id=public_id("vid", job_id),
        attempt=attempt,
        progress=min(99, 100 * step // max(1, steps)),
        step=step,
        steps=steps,
        eta_seconds=None if eta_seconds is None else round(eta_seconds, 1),
    )
    return Event(EventId(3 * attempt, 2 * step), "progress", _one_line(data))


def preview_event(job_id: uuid.UUID, *, attempt: int, step: int, jpeg: bytes) -> Event:
    """Return the event with a preview of the video after a step."""
    data = VideoPreviewEventShape(
        id=public_id("vid", job_id),
        attempt=attempt,
        step=step,
        content_type="image/jpeg",
        image_base64=base64.b64encode(jpeg).decode("ascii"),
    )
    return Event(EventId(3 * attempt, 2 * step + 1), "preview", _one_line(data))


def implied_statuses(job_id: uuid.UUID, before: EventId, after: EventId) -> Iterator[Event]:
    """Yield the statuses that a job has certainly passed through between two positions.

    This includes the status of the stage that `after` belongs to, if `after` is not that status itself.
    """
    for stage in range(before.stage + 1, after.stage + (after.sequence > 0)):
        attempt, phase = divmod(stage, 3)
        # A job finishes only once, and it is unknown whether it was queued again just before it finished.
        if phase == _FINISHED or (after.is_finished and stage == after.stage - 1):
            continue
        state = State.QUEUED if phase == _QUEUED else State.IN_PROGRESS
        yield status_event(job_id, state=state, attempt=attempt)


def _one_line(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))
