"""The side worker: slow chores that would hold up the reconciler or a request."""

import gc
import time
from collections.abc import Callable, Sequence

import psycopg
import structlog
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from jobs.services.doorbell import SIDE_QUEUE
from jobs.worker.bell import BellWorker

log = structlog.get_logger(__name__)

Chore = Callable[[], object]


class SideWorker(BellWorker):
    """Rung when there may be something to do, and looks once a second anyway; chores find their work in Postgres."""

    def __init__(self, *, chores: Sequence[Chore]) -> None:
        super().__init__(SIDE_QUEUE)
        self.chores = chores

    def run(self) -> None:
        """Works until told to stop."""
        self._install_signal_handlers()
        while not self.stopping:
            self.show_in_registry()
            # All of them, though one may have found something: then there may be more of it.
            found = [self._do(chore) for chore in self.chores]
            if not any(found) and self.wait_for_bell():
                self.silence_bell()
        self.leave_registry()

    def _do(self, chore: Chore) -> bool:
        """Whether it found something to do. One that cannot be done now keeps no other from being done."""
        try:
            return bool(chore())
        # Django leaves psycopg's own error as it is where closing a server-side cursor meets a lost connection.
        except (AnyDatabaseError, psycopg.Error, OSError) as error:
            log.warning(
                "chore_failed", chore=getattr(chore, "__name__", type(chore).__name__), reason=str(error).strip()
            )
        close_old_connections()
        # A read that broke off leaves its cursor in a reference cycle. Were that collected in the midst of a later
        # statement, closing the cursor would wait for a lock that this very thread holds.
        gc.collect()
        return False


class Seldom:
    """A chore that reads much: done once in so many seconds, the first time after the first of them."""

    def __init__(self, seconds: float, chore: Chore) -> None:
        self._seconds, self._chore = seconds, chore
        self._due_at = time.monotonic() + seconds

    def __call__(self) -> None:
        if time.monotonic() >= self._due_at:
            self._chore()
            self._due_at = time.monotonic() + self._seconds
