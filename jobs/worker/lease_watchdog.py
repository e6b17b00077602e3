"""Stops a run whose lease has expired while the worker waits for a response from Postgres that does not come.

A refused connection raises an error, and the worker's loop goes on to check its leases. A connection that hangs (a dead
route, a frozen proxy) raises none: a renewal may block for minutes, while the lease passes to another worker and two
engines generate the same video.
"""

import threading
from collections.abc import Callable, Sequence

import structlog

from jobs.worker.attempt import RunningAttempt

log = structlog.get_logger(__name__)

_CHECK_INTERVAL_SECONDS = 0.25


class LeaseWatchdog(threading.Thread):
    """A thread that checks the worker's running attempts and kills the engine process of each whose lease is lost."""

    def __init__(self, running_attempts: Callable[[], Sequence[RunningAttempt]]) -> None:
        super().__init__(name="lease-watchdog", daemon=True)
        self._running_attempts = running_attempts
        self._stopped = threading.Event()
        self._killed: list[RunningAttempt] = []

    def run(self) -> None:
        while not self._stopped.wait(_CHECK_INTERVAL_SECONDS):
            attempts = self._running_attempts()
            self._killed = [attempt for attempt in self._killed if attempt in attempts]
            for attempt in attempts:
                if attempt not in self._killed and attempt.is_lease_lost:
                    log.warning("lease_expired", task_id=attempt.job.public_id, attempt=attempt.job.attempt)
                    # Kills the process of this run, never a later one. The worker notices once Postgres responds.
                    attempt.kill_engine()
                    self._killed.append(attempt)

    def stop(self) -> None:
        self._stopped.set()
