"""Bounds how many requests of one caller `live` handles at the same time: of an API key, a session or an IP address.

Otherwise hundreds of connections of one key would delay the requests of all others. What waits here costs neither a
thread nor a database connection, and nothing at all once its client has disconnected. Keys are not verified yet:
somebody who sends another one with each request is no single caller, as somebody with many IP addresses is none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

SLOTS_PER_CALLER = 4


class CallerSlots:
    """The slots of all callers that have requests."""

    def __init__(self) -> None:
        self._slots: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()

    def slot_for(self, caller: tuple[str, str]) -> "CallerSlot":
        """Return a slot, not yet held, for one request of this caller."""
        return CallerSlot(self._slots.setdefault(caller, asyncio.Semaphore(SLOTS_PER_CALLER)))


class CallerSlot:
    """The slot of one request: held from its last byte to the first byte of the response."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
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
