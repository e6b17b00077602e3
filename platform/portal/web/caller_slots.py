"""Bounds how many requests of one caller `live` handles at the same time: of an API key, a session or an IP address.

Otherwise hundreds of connections of one key would delay the requests of all others. What waits here costs neither a
thread nor a database connection, and nothing at all once its client has disconnected. Keys are not verified yet:
somebody who sends another one with each request is no single caller, as somebody with many IP addresses is none.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

SLOTS_PER_CALLER = 4
SLOTS_BESIDE_OTHERS = 2
"""Fewer while there are other callers: the threads of one process share a processor, so each request of a busy caller
makes those of the others slower."""
OTHERS_SECONDS = 10.0
"""How long a caller counts as present after its last request."""


class _Slots:
    """The slots of one caller: `alone` for requests that came while it was the only one, `shared` for the others."""

    def __init__(self) -> None:
        self.alone = asyncio.Semaphore(SLOTS_PER_CALLER)
        self.shared = asyncio.Semaphore(SLOTS_BESIDE_OTHERS)


class CallerSlots:
    """The slots of all callers that have requests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots: WeakValueDictionary[tuple[str, str], _Slots] = WeakValueDictionary()
        self._clock = clock
        self._last_caller: tuple[str, str] | None = None
        self._last_seen = self._other_seen = float("-inf")  # the last caller, and any caller before it

    def slot_for(self, caller: tuple[str, str]) -> "CallerSlot":
        """Return a slot, not yet held, for one request of this caller."""
        now = self._clock()
        if caller != self._last_caller:
            self._last_caller, self._other_seen = caller, self._last_seen
        self._last_seen = now
        slots = self._slots.setdefault(caller, _Slots())
        has_others = now - self._other_seen < OTHERS_SECONDS
        return CallerSlot(slots, slots.shared if has_others else slots.alone)


class CallerSlot:
    """The slot of one request: held from its last byte to the first byte of the response."""

    def __init__(self, owner: _Slots, slots: asyncio.Semaphore) -> None:
        self._owner = owner  # kept alive as long as the caller has requests
        self._slots = slots
        self._is_held = False

    async def acquire(self, receive: Callable[[], Awaitable[object]]) -> bool:
        """Wait for the slot. Return False if the client disconnects before. receive: returns when it does."""
        if not self._slots.locked():
            self._is_held = await self._slots.acquire()
            return True
        acquired, disconnected = asyncio.ensure_future(self._slots.acquire()), asyncio.ensure_future(receive())
        try:
            await asyncio.wait({acquired, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            disconnected.cancel()
            self._is_held = acquired.done()
            acquired.cancel()
        return self._is_held

    def release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._slots.release()
