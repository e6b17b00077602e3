"""Limits the number of open event streams, counted in this process."""

import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import LimitExceeded, Overloaded

_RETRY_AFTER_SECONDS = 10


@dataclass(frozen=True)
class ConnectionLimit:
    """The maximum number of open streams of one caller. `scope` is sent to the client with the error."""

    scope: str
    caller: str
    maximum: int


class ConnectionLimiter:
    """Counts open streams and refuses more than the limits allow."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._open_by_caller: Counter[tuple[str, str]] = Counter()
        self._total = 0

    def acquire(self, limits: Sequence[ConnectionLimit]) -> "Slot":
        """Return a slot for one stream. Raises LimitExceeded, or Overloaded if the process has no free slot."""
        if self._total >= self._maximum:
            raise Overloaded(
                "The server has too many open event streams. Try again in %(seconds)s seconds.",
                {"seconds": _RETRY_AFTER_SECONDS},
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        for limit in limits:
            if self._open_by_caller[limit.scope, limit.caller] >= limit.maximum:
                raise LimitExceeded(
                    "%(maximum)s event streams are open already. Close one of them, or poll the status of the video.",
                    {"maximum": limit.maximum},
                    extra={"scope": limit.scope, "limit": limit.maximum, "remaining": 0, "reset": _RETRY_AFTER_SECONDS},
                    retry_after_seconds=_RETRY_AFTER_SECONDS,
                )
        callers = [(limit.scope, limit.caller) for limit in limits]
        self._open_by_caller.update(callers)
        self._total += 1
        return Slot(self, callers)

    def _release(self, callers: list[tuple[str, str]]) -> None:
        self._total -= 1
        self._open_by_caller.subtract(callers)
        for caller in callers:
            if not self._open_by_caller[caller]:
                del self._open_by_caller[caller]


class Slot:
    """One open stream. It is released by `release`, or by garbage collection if the stream is never started."""

    def __init__(self, limiter: ConnectionLimiter, callers: list[tuple[str, str]]) -> None:
        self.release = weakref.finalize(self, limiter._release, callers)
