"""The maintenance worker: slow background tasks that would delay the reconciler or a request."""

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
    """Runs its tasks after a wake-up, and at least once a second. Tasks find their work in Postgres."""

    def __init__(self, *, tasks: Sequence[Task]) -> None:
        super().__init__(MAINTENANCE_QUEUE)
        self.tasks = tasks

    def run(self) -> None:
        """Work until a stop is requested."""
        self._install_signal_handlers()
        while not self.stop_requested:
            self.register()
            # A task that has found work may have left some for the next round, so there is no wait after it.
            worked = [self._run_task(task) for task in self.tasks]
            if not any(worked) and self.wait_for_wakeup():
                self.clear_wakeups()
        self.unregister()

    def _run_task(self, task: Task) -> bool:
        """Run a task and return whether it found work. A failed task does not keep the others from running."""
        try:
            return bool(task())
        # Django does not wrap psycopg's error if the connection is lost while a server-side cursor is closed.
        except (AnyDatabaseError, psycopg.Error, OSError) as error:
            log.warning("task_failed", task=getattr(task, "__name__", type(task).__name__), reason=str(error).strip())
        close_old_connections()
        # An interrupted read leaves its cursor in a reference cycle. If that were collected during a later statement,
        # closing the cursor would wait for a lock that this thread holds: a deadlock.
        gc.collect()
        return False


class Every:
    """Runs an expensive task once per interval, for the first time after one interval."""

    def __init__(self, interval_seconds: float, task: Task) -> None:
        self._interval_seconds, self._task = interval_seconds, task
        self._due_at = time.monotonic() + interval_seconds

    def __call__(self) -> None:
        if time.monotonic() >= self._due_at:
            self._task()
            self._due_at = time.monotonic() + self._interval_seconds
