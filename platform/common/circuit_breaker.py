"""Circuit breaker: after a failure, no request waits for that server for a moment."""

import time


class CircuitBreaker:
    """Open for `open_seconds` after a failure. The caller skips its work while it is open. Safe for threads."""

    def __init__(self, *, open_seconds: float = 2.0) -> None:
        self._open_seconds = open_seconds
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    def open(self) -> None:
        """Record a failure."""
        self._open_until = time.monotonic() + self._open_seconds
