"""What a job's row in Postgres says of it, as events."""

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
    "quoted_credits",
    "seconds_per_credit",
    "error_code",
    "error_message",
    "error_params",
)


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """The columns that its followers hear of."""

    id: uuid.UUID
    state: str
    attempt: int
    steps_done: int
    steps: int
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
        """That of its status."""
        return EventId(stage_of(self.state, self.attempt))

    @property
    def is_finished(self) -> bool:
        return self.state in TERMINAL

    def status(self) -> Event:
        message = str(Message.from_columns(self.error_message, self.error_params))
        return status_event(self.id, state=self.state, attempt=self.attempt, code=self.error_code, message=message)

    def progress(self) -> list[Event]:
        """None or one. Redis tells of other steps: whoever hears that hears these only when it falls silent."""
        if self.state != State.IN_PROGRESS or not self.steps_done:
            return []
        eta = self.quoted_credits * (self.seconds_per_credit or 1) * (1 - self.steps_done / max(1, self.steps))
        payload = {"attempt": self.attempt, "step": self.steps_done, "steps": self.steps}
        return [progress_event(self.id, **payload, eta_seconds=max(0.0, eta))]


def read_snapshots(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, JobSnapshot]:
    """One query for all of them; without those that are deleted. Gives its connection back."""
    try:
        found = Job.objects.filter(pk__in=ids, deleted_at=None).values_list(*_COLUMNS)
        return {snapshot[0]: JobSnapshot(*snapshot) for snapshot in found}
    finally:
        connections.close_all()


class EventSequencer:
    """The way of a job as one client sees it: forward only, nothing twice, no status left out."""

    def __init__(self, job_id: uuid.UUID, last_event_id: EventId | None) -> None:
        self._job_id, self.last_event_id = job_id, last_event_id

    def emit(self, event: Event) -> Iterator[Event]:
        """The event, after the statuses that it presumes; nothing where it is known already."""
        if self.last_event_id is not None:
            if event.event_id <= self.last_event_id:
                return
            yield from implied_statuses(self._job_id, self.last_event_id, event.event_id)
        self.last_event_id = event.event_id
        yield event


def parse_last_event_id(snapshot: JobSnapshot, text: str) -> EventId | None:
    """Where a client says it stopped; None where that cannot be: it is treated as a new one."""
    last = EventId.parse(text)
    # Postgres is the first to know a new stage; within one, Redis may be ahead of it.
    if last is None or last.stage > snapshot.event_id.stage or last.sequence > _max_sequence(snapshot, last):
        return None
    # Whoever claims to have seen another end than the one there is would be told of none.
    return None if last.is_finished and last.stage != snapshot.event_id.stage else last


def _max_sequence(snapshot: JobSnapshot, event_id: EventId) -> int:
    """Of its stage: the preview of the last step, where there are steps."""
    return 2 * snapshot.steps + 1 if event_id.is_attempt else 0


def replay(snapshot: JobSnapshot, sequencer: EventSequencer, logged_events: Sequence[Event] | None) -> Iterator[Event]:
    """What a client gets at first: who comes back all that was missed, who is new the present state.

    recorded: what Redis has from the client's last event on, else from the row's status on; None where it is away.
    """
    events = [snapshot.status(), *(snapshot.progress() if logged_events is None else logged_events)]
    if sequencer.last_event_id is None and logged_events is not None:
        newest = {event.kind: event for event in sorted(logged_events, key=_event_id)}
        events = [snapshot.status(), *([] if "progress" in newest else snapshot.progress()), *newest.values()]
    for event in sorted(events, key=_event_id):
        yield from sequencer.emit(event)


def _event_id(event: Event) -> EventId:
    return event.event_id
