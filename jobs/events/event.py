"""The events of a job, and their ids.

A job's life is one line: queued, in progress (attempt 1), queued again, in progress (attempt 2), …, its end. So its
place on that line, which its row in Postgres tells as well as any message does, is the id of the event that says so:

    <stage>-<moment>    stage   3 * attempt while in progress; + 1 while queued after it (1: not tried yet); + 2 ended
                        moment  0 the status; 2 * step the progress; 2 * step + 1 a preview

- The same news has the same id, whether it came by Redis or was read from Postgres: it is told once, and a client that
  sends its last id gets what follows, though Redis lost everything meanwhile.
- They are the entries' ids in the job's Redis stream as well. Redis refuses one that does not follow the last: what a
  worker says that lost its job long ago comes too late by itself.
- Stages that were not heard of can be told from the two around them (`between`).
"""

import base64
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from common.ids import public_id
from jobs.states import TERMINAL, State

_ID = re.compile(r"(\d{1,9})-(\d{1,9})")
_QUEUED, _FINISHED = 1, 2


@dataclass(frozen=True, order=True, slots=True)
class EventId:
    """A place in a job's life; see above."""

    stage: int
    sequence: int = 0

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for what is no id of ours."""
        found = _ID.fullmatch(text) if text.isascii() else None
        return cls(int(found[1]), int(found[2])) if found else None

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
    """One thing that happened: its kind is status, progress or preview, its data one line of JSON."""

    event_id: EventId
    kind: str
    data: str

    @cached_property
    def encoded(self) -> bytes:
        """As server-sent events are written; made once for all who follow the job."""
        return f"id: {self.event_id}\nevent: {self.kind}\ndata: {self.data}\n\n".encode()


def stage_of(state: str, attempt: int) -> int:
    if state in TERMINAL:
        return 3 * attempt + _FINISHED
    return 3 * attempt + (_QUEUED if state == State.QUEUED else 0)


def status_event(job_id: uuid.UUID, *, state: str, attempt: int, code: str = "", message: str = "") -> Event:
    """A new state; code and message say why there is no video."""
    error = {"code": code, "message": message} if code else None
    return _event(job_id, EventId(stage_of(state, attempt)), "status", status=state, attempt=attempt, error=error)


def progress_event(
    job_id: uuid.UUID, *, attempt: int, step: int, steps: int, eta_seconds: float | None = None
) -> Event:
    """So many of the job's steps are done."""
    return _event(
        job_id,
        EventId(3 * attempt, 2 * step),
        "progress",
        attempt=attempt,
        progress=min(99, 100 * step // max(1, steps)),
        step=step,
        steps=steps,
        eta_seconds=None if eta_seconds is None else round(eta_seconds, 1),
    )


def preview_event(job_id: uuid.UUID, *, attempt: int, step: int, jpeg: bytes) -> Event:
    """The clip as it stood after a step."""
    image = {"content_type": "image/jpeg", "image_base64": base64.b64encode(jpeg).decode("ascii")}
    return _event(job_id, EventId(3 * attempt, 2 * step + 1), "preview", attempt=attempt, step=step, **image)


def implied_statuses(job_id: uuid.UUID, before: EventId, after: EventId) -> Iterator[Event]:
    """The statuses that a job has certainly passed on its way from one position to another.

    That of a stage whose progress is told is one of them.
    """
    for stage in range(before.stage + 1, after.stage + (after.sequence > 0)):
        attempt, phase = divmod(stage, 3)
        # It ends once; and whether it was queued again just before its end cannot be told.
        if phase == _FINISHED or (after.is_finished and stage == after.stage - 1):
            continue
        state = State.QUEUED if phase == _QUEUED else State.IN_PROGRESS
        yield status_event(job_id, state=state, attempt=attempt)


def _event(job_id: uuid.UUID, event_id: EventId, kind: str, **payload: Any) -> Event:
    return Event(event_id, kind, json.dumps({"id": public_id("vid", job_id), **payload}, separators=(",", ":")))
