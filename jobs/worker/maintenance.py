"""The side worker: slow chores that would hold up the reconciler or a request."""

import gc
import time
from collections.abc import Callable, Sequence

import psycopg
import structlog
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from jobs.queue.wakeup import MAINTENANCE_QUEUE
from jobs.worker.base import BaseWorker

log = structlog.get_logger(__name__)

Task = Callable[[], object]


class MaintenanceWorker(BaseWorker):
    """Rung when there may be something to do, and looks once a second anyway; chores find their work in Postgres."""

    def __init__(self, *, tasks: Sequence[Task]) -> None:
        super().__init__(MAINTENANCE_QUEUE)
        self.tasks = tasks

    def run(self) -> None:
        """Works until told to stop."""
        self._install_signal_handlers()
        while not self.stop_requested:
            self.register()
            # All of them, though one may have found something: then there may be more of it.
            found = [self._run_task(task) for task in self.tasks]
            if not any(found) and self.wait_for_wakeup():
                self.clear_wakeups()
        self.unregister()

    def _run_task(self, task: Task) -> bool:
        """Whether it found something to do. One that cannot be done now keeps no other from being done."""
        try:
            return bool(task())
        # Django leaves psycopg's own error as it is where closing a server-side cursor meets a lost connection.
        except (AnyDatabaseError, psycopg.Error, OSError) as error:
            log.warning("task_failed", task=getattr(task, "__name__", type(task).__name__), reason=str(error).strip())
        close_old_connections()
        # A read that broke off leaves its cursor in a reference cycle. Were that collected in the midst of a later
        # statement, closing the cursor would wait for a lock that this very thread holds.
        gc.collect()
        return False


class Every:
    """A chore that reads much: done once in so many seconds, the first time after the first of them."""

    def __init__(self, seconds: float, task: Task) -> None:
        self._seconds, self._task = seconds, task
        self._due_at = time.monotonic() + seconds

    def __call__(self) -> None:
        if time.monotonic() >= self._due_at:
            self._task()
            self._due_at = time.monotonic() + self._seconds
