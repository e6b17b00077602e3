"""What a job's row in Postgres says of it, as events."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from django.db import connections

from jobs.live.events import Event, Position, between, progress_event, stage_of, status_event
from jobs.models import Job
from jobs.states import TERMINAL, State

_COLUMNS = ("id", "state", "attempt", "steps_done", "steps", "quoted_credits", "error_code", "error_message")


@dataclass(frozen=True, slots=True)
class Row:
    """The columns that its followers hear of."""

    id: uuid.UUID
    state: str
    attempt: int
    steps_done: int
    steps: int
    quoted_credits: int
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

    def events(self) -> Iterator[Event]:
        """Its status, and how far it is."""
        yield status_event(
            self.id, state=self.state, attempt=self.attempt, code=self.error_code, message=self.error_message
        )
        if self.state == State.IN_PROGRESS and self.steps_done:
            eta = self.quoted_credits * (1 - self.steps_done / max(1, self.steps))
            yield progress_event(
                self.id, attempt=self.attempt, step=self.steps_done, steps=self.steps, eta_seconds=max(0.0, eta)
            )


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
    return last if last is not None and last.stage <= row.position.stage else None


def catch_up(row: Row, course: Course, recorded: Sequence[Event]) -> Iterator[Event]:
    """What a client gets at first: who comes back all that was missed, who is new the present state.

    recorded: what Redis still has, from the client's last event on, or from the row's present status on.
    """
    events = [*recorded, *row.events()]
    if course.told is None:
        newest = {event.kind: event for event in sorted(recorded, key=lambda event: event.position)}
        events = [*row.events(), *newest.values()]
    for event in sorted(events, key=lambda event: event.position):
        yield from course.take(event)
