"""Ends a run whose lease is over while the worker itself waits for an answer from Postgres that does not come.

A refused connection is an error, and the worker's loop sees to its leases. Silence is none: behind a dead route, or a
frozen proxy, a renewal may wait for minutes while the lease passes to another worker and two engines make one job.
"""

import threading
from collections.abc import Callable

import structlog

from jobs.worker.hold import Hold

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 0.25


class Guard(threading.Thread):
    """Asks all the while for the run that the worker holds, and ends its engine once the lease is over."""

    def __init__(self, running: Callable[[], Hold | None]) -> None:
        super().__init__(name="guard", daemon=True)
        self._running = running
        self._over = threading.Event()
        self._ended: Hold | None = None

    def run(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            hold = self._running()
            if hold is not None and hold is not self._ended and hold.is_lost:
                log.warning("lease_over", task_id=hold.job.public_id, attempt=hold.job.attempt)
                # The child that had this run, never a later one. The worker notices when it can look again.
                hold.end_engine()
                self._ended = hold

    def stop(self) -> None:
        self._over.set()
