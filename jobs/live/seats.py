"""Who may hold how many streams open at a time, counted in this process."""

import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import LimitExceeded, Overloaded

_RETRY_AFTER_SECONDS = 10


@dataclass(frozen=True)
class SeatLimit:
    """So many streams of one caller. `scope` says to the client whose limit it is."""

    scope: str
    caller: str
    most: int


class Seats:
    """Gives out seats and counts them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[tuple[str, str]] = Counter()
        self._total = 0

    def take(self, limits: Sequence[SeatLimit]) -> "Seat":
        """Raises LimitExceeded, or Overloaded where the whole process is full."""
        if self._total >= self._most:
            raise Overloaded("Too many streams are open here. Try again.", retry_after_seconds=_RETRY_AFTER_SECONDS)
        for limit in limits:
            if self._taken[limit.scope, limit.caller] >= limit.most:
                raise LimitExceeded(
                    f"{limit.most} streams of events are open already. Close one, or ask for the video's status.",
                    extra={"scope": limit.scope, "limit": limit.most, "remaining": 0, "reset": _RETRY_AFTER_SECONDS},
                    retry_after_seconds=_RETRY_AFTER_SECONDS,
                )
        callers = [(limit.scope, limit.caller) for limit in limits]
        self._taken.update(callers)
        self._total += 1
        return Seat(self, callers)

    def _leave(self, callers: list[tuple[str, str]]) -> None:
        self._total -= 1
        self._taken.subtract(callers)
        for caller in callers:
            if not self._taken[caller]:
                del self._taken[caller]


class Seat:
    """One open stream. Given back by `leave`, or when nothing holds it: a stream may end before it began."""

    def __init__(self, seats: Seats, callers: list[tuple[str, str]]) -> None:
        self.leave = weakref.finalize(self, seats._leave, callers)
