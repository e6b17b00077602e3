"""What a job's row in Postgres says of it, as events."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from django.db import connections

from jobs.live.events import Event, Position, between, progress_event, stage_of, status_event
from jobs.models import Job
from jobs.states import TERMINAL, State

_COLUMNS = ("id", "state", "attempt", "steps_done", "steps", "quoted_credits", "pace", "error_code", "error_message")


@dataclass(frozen=True, slots=True)
class Row:
    """The columns that its followers hear of."""

    id: uuid.UUID
    state: str
    attempt: int
    steps_done: int
    steps: int
    quoted_credits: int
    pace: float | None
    error_code: str
    error_message: str

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(*(getattr(job, column) for column in _COLUMNS))

    @property
    def position(self) -> Position:
        """That of its status."""
        return Position(stage_of(self.state, self.attempt))

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL

    def status(self) -> Event:
        return status_event(
            self.id, state=self.state, attempt=self.attempt, code=self.error_code, message=self.error_message
        )

    def progress(self) -> list[Event]:
        """None or one. Redis tells of other steps: whoever hears that hears these only when it falls silent."""
        if self.state != State.IN_PROGRESS or not self.steps_done:
            return []
        eta = self.quoted_credits * (self.pace or 1) * (1 - self.steps_done / max(1, self.steps))
        facts = {"attempt": self.attempt, "step": self.steps_done, "steps": self.steps}
        return [progress_event(self.id, **facts, eta_seconds=max(0.0, eta))]


def read_rows(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
    """One query for all of them; without those that are deleted. Gives its connection back."""
    try:
        found = Job.objects.filter(pk__in=ids, deleted_at=None).values_list(*_COLUMNS)
        return {row[0]: Row(*row) for row in found}
    finally:
        connections.close_all()


class Course:
    """The way of a job as one client sees it: forward only, nothing twice, no status left out."""

    def __init__(self, job_id: uuid.UUID, told: Position | None) -> None:
        self._job_id, self.told = job_id, told

    def take(self, event: Event) -> Iterator[Event]:
        """The event, after the statuses that it presumes; nothing where it is known already."""
        if self.told is not None:
            if event.position <= self.told:
                return
            yield from between(self._job_id, self.told, event.position)
        self.told = event.position
        yield event


def valid_last_id(row: Row, text: str) -> Position | None:
    """Where a client says it stopped; None where that cannot be: it is treated as a new one."""
    last = Position.parse(text)
    # Postgres is the first to know a new stage; within one, Redis may be ahead of it.
    if last is None or last.stage > row.position.stage or last.moment > _last_moment(row, last):
        return None
    # Whoever claims to have seen another end than the one there is would be told of none.
    return None if last.is_end and last.stage != row.position.stage else last


def _last_moment(row: Row, position: Position) -> int:
    """Of its stage: the preview of the last step, where there are steps."""
    return 2 * row.steps + 1 if position.is_attempt else 0


def catch_up(row: Row, course: Course, recorded: Sequence[Event] | None) -> Iterator[Event]:
    """What a client gets at first: who comes back all that was missed, who is new the present state.

    recorded: what Redis has from the client's last event on, else from the row's status on; None where it is away.
    """
    events = [row.status(), *(row.progress() if recorded is None else recorded)]
    if course.told is None and recorded is not None:
        newest = {event.kind: event for event in sorted(recorded, key=_position)}
        events = [row.status(), *([] if "progress" in newest else row.progress()), *newest.values()]
    for event in sorted(events, key=_position):
        yield from course.take(event)


def _position(event: Event) -> Position:
    return event.position
