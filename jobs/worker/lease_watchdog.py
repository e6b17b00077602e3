"""Ends a run whose lease is over while the worker itself waits for an answer from Postgres that does not come.

A refused connection is an error, and the worker's loop sees to its leases. Silence is none: behind a dead route, or a
frozen proxy, a renewal may wait for minutes while the lease passes to another worker and two engines make one job.
"""

import threading
from collections.abc import Callable

import structlog

from jobs.worker.attempt import RunningAttempt

log = structlog.get_logger(__name__)

_CHECK_INTERVAL_SECONDS = 0.25


class LeaseWatchdog(threading.Thread):
    """Asks all the while for the run that the worker holds, and ends its engine once the lease is over."""

    def __init__(self, current_attempt: Callable[[], RunningAttempt | None]) -> None:
        super().__init__(name="lease-watchdog", daemon=True)
        self._current_attempt = current_attempt
        self._stopped = threading.Event()
        self._killed: RunningAttempt | None = None

    def run(self) -> None:
        while not self._stopped.wait(_CHECK_INTERVAL_SECONDS):
            attempt = self._current_attempt()
            if attempt is not None and attempt is not self._killed and attempt.is_lease_lost:
                log.warning("lease_expired", task_id=attempt.job.public_id, attempt=attempt.job.attempt)
                # The child that had this run, never a later one. The worker notices when it can look again.
                attempt.kill_engine()
                self._killed = attempt

    def stop(self) -> None:
        self._stopped.set()
