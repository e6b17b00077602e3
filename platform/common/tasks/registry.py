"""The tasks that maintenance workers may run. Apps register them in `AppConfig.ready()`.

A name is a key of this registry and never an import path, so an entry in Redis can start nothing else.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import structlog
from django.db import Error as AnyDatabaseError

log = structlog.get_logger(__name__)

# Django does not wrap psycopg's error if the connection is lost while a server-side cursor is closed.
_OUTAGES = (AnyDatabaseError, psycopg.Error, OSError)


@dataclass(frozen=True)
class Task:
    """A function, and the queue that it waits on."""

    name: str
    queue: str
    function: Callable[..., object]
    # How often the task looks for due work; None if it runs only on request.
    interval_seconds: float | None = None
    # Whether the task has one argument, the id of the object to work on. Otherwise it has none.
    takes_id: bool = False
    # Whether a run that found work may have left some, so that another run follows.
    repeats_after_work: bool = False

    def __call__(self, *arguments: str) -> bool:
        """Run the task. Return whether another run is to follow. Log and raise what the function raises."""
        try:
            found_work = self.function(*map(uuid.UUID, arguments))
        except Exception as error:
            reason = str(error).strip() or type(error).__name__
            log.warning("task_failed", task=self.name, reason=reason, exc_info=not isinstance(error, _OUTAGES))
            raise
        return self.repeats_after_work and bool(found_work)


TASKS: dict[str, Task] = {}


def register(task: Task) -> None:
    """Add a task. Raise ValueError if its name is taken, or if it needs an id and would run without one."""
    if task.name in TASKS:
        raise ValueError(f"The task {task.name!r} is registered twice.")
    if task.takes_id and (task.interval_seconds is not None or task.repeats_after_work):
        raise ValueError(f"The task {task.name!r} needs an id, so it runs only on request.")
    TASKS[task.name] = task
