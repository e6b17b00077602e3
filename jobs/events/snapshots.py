"""Derives events from the row of a job in Postgres, and merges them with the events in Redis."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.db import connections

from common.messages import Message
from jobs.events.event import Event, EventId, implied_statuses, progress_event, stage_of, status_event
from jobs.models import Job
from jobs.states import TERMINAL, State

_COLUMNS = (
    "id",
    "state",
    "attempt",
    "steps_done",
    "steps",
    "num_frames",
    "quoted_credits",
    "seconds_per_credit",
    "error_code",
    "error_message",
    "error_params",
)


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """The columns of a job that its events are derived from."""

    id: uuid.UUID
    state: str
    attempt: int
    steps_done: int
    steps: int | None
    num_frames: int
    quoted_credits: int
    seconds_per_credit: float | None
    error_code: str
    error_message: str
    error_params: dict[str, Any] | None

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(*(getattr(job, column) for column in _COLUMNS))

    @property
    def event_id(self) -> EventId:
        """Return the id of the job's status event."""
        return EventId(stage_of(self.state, self.attempt))

    @property
    def total_steps(self) -> int:
        """Return what `steps_done` counts to, see `Job.total_steps`."""
        return self.num_frames if self.steps is None else self.steps

    @property
    def is_finished(self) -> bool:
        return self.state in TERMINAL

    def status_event(self) -> Event:
        """Return the event of the job's present state."""
        message = str(Message.from_columns(self.error_message, self.error_params))
        return status_event(self.id, state=self.state, attempt=self.attempt, code=self.error_code, message=message)

    def progress_events(self) -> list[Event]:
        """Return the present progress as an event, or an empty list.

        The row and Redis report different steps. A client gets the row's only while there are no events from Redis.
        """
        if self.state != State.IN_PROGRESS or not self.steps_done:
            return []
        eta = self.quoted_credits * (self.seconds_per_credit or 1) * (1 - self.steps_done / max(1, self.total_steps))
        payload = {"attempt": self.attempt, "step": self.steps_done, "steps": self.total_steps}
        return [progress_event(self.id, **payload, eta_seconds=max(0.0, eta))]


def read_snapshots(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, JobSnapshot]:
    """Return the snapshots of these jobs without the deleted ones, with one query. Closes its connection."""
    try:
        rows = Job.objects.filter(pk__in=ids, deleted_at=None).values_list(*_COLUMNS)
        return {row[0]: JobSnapshot(*row) for row in rows}
    finally:
        connections.close_all()


class EventSequencer:
    """Orders the events of a job for one client: only forward, no event twice, no status left out."""

    def __init__(self, job_id: uuid.UUID, last_event_id: EventId | None) -> None:
        self._job_id, self.last_event_id = job_id, last_event_id

    def emit(self, event: Event) -> Iterator[Event]:
        """Yield the event after the statuses that it implies. Yields nothing if the client is past this event."""
        if self.last_event_id is not None:
            if event.event_id <= self.last_event_id:
                return
            yield from implied_statuses(self._job_id, self.last_event_id, event.event_id)
        self.last_event_id = event.event_id
        yield event


def parse_last_event_id(snapshot: JobSnapshot, text: str) -> EventId | None:
    """Return the last event id that a client sends, or None if it is impossible: the client is then treated as new."""
    last = EventId.parse(text)
    # A new stage is in Postgres first. Within a stage, Redis may be ahead of Postgres.
    if last is None or last.stage > snapshot.event_id.stage or last.sequence > _max_sequence(snapshot, last):
        return None
    # A client that claims to have seen another final state would otherwise get no final state at all.
    return None if last.is_finished and last.stage != snapshot.event_id.stage else last


def _max_sequence(snapshot: JobSnapshot, event_id: EventId) -> int:
    """Return the largest sequence in the stage of this id: the preview of the last step, if the stage has steps."""
    return 2 * snapshot.total_steps + 1 if event_id.is_attempt else 0


def replay(snapshot: JobSnapshot, sequencer: EventSequencer, logged_events: Sequence[Event] | None) -> Iterator[Event]:
    """Yield the first events of a stream: the present state for a new client, all missed events for one that returns.

    logged_events: the events in Redis after the client's last event, or for a new client after the row's status; None
    while Redis is unavailable.
    """
    status, row_progress = snapshot.status_event(), snapshot.progress_events()
    events = [status, *(row_progress if logged_events is None else logged_events)]
    if sequencer.last_event_id is None and logged_events is not None:
        newest = {event.kind: event for event in sorted(logged_events, key=_event_id)}
        events = [status, *([] if "progress" in newest else row_progress), *newest.values()]
    for event in sorted(events, key=_event_id):
        yield from sequencer.emit(event)


def _event_id(event: Event) -> EventId:
    return event.event_id
