"""Who may hold how many streams open at a time, counted in this process."""

import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import LimitExceeded, Overloaded

_RETRY_AFTER_SECONDS = 10


@dataclass(frozen=True)
class ConnectionLimit:
    """So many streams of one caller. `scope` says to the client whose limit it is."""

    scope: str
    caller: str
    maximum: int


class ConnectionLimiter:
    """Gives out seats and counts them."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._open_by_caller: Counter[tuple[str, str]] = Counter()
        self._total = 0

    def acquire(self, limits: Sequence[ConnectionLimit]) -> "Slot":
        """Raises LimitExceeded, or Overloaded where the whole process is full."""
        if self._total >= self._maximum:
            raise Overloaded("Too many streams are open here. Try again.", retry_after_seconds=_RETRY_AFTER_SECONDS)
        for limit in limits:
            if self._open_by_caller[limit.scope, limit.caller] >= limit.maximum:
                raise LimitExceeded(
                    f"{limit.maximum} streams of events are open already. Close one, or ask for the video's status.",
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
    """One open stream. Given back by `leave`, or when nothing holds it: a stream may end before it began."""

    def __init__(self, limiter: ConnectionLimiter, callers: list[tuple[str, str]]) -> None:
        self.release = weakref.finalize(self, limiter._release, callers)
