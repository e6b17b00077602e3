"""Many requests of one caller are handled a few at a time, and delay nobody else."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from portal.web.caller_slots import OTHERS_SECONDS, SLOTS_BESIDE_OTHERS, SLOTS_PER_CALLER, CallerSlots
from portal.web.request_guards import AsgiRequestGuard

ALICE, BOB = b"Bearer mts_alice_x", b"Bearer mts_bob_x"


class Application:
    """Reads the body of each request and then waits, as a view would. `waiting`: how many requests by caller."""

    def __init__(self) -> None:
        self.waiting: Counter[bytes] = Counter()
        self.disconnected: Counter[bytes] = Counter()
        self.finish = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        caller = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if (await receive())["type"] == "http.disconnect":
            self.disconnected[caller] += 1
            return
        self.waiting[caller] += 1
        await self.finish.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


class Requests:
    """Requests through the guard. Their clients disconnect if `disconnect` is set."""

    def __init__(self) -> None:
        self.application = Application()
        self.disconnect = asyncio.Event()
        self._guard = AsgiRequestGuard(self.application)
        self._tasks: list[asyncio.Task[None]] = []

    def send(self, path: str, caller: bytes, *, count: int) -> None:
        self._tasks += [asyncio.create_task(self._send(path, caller)) for _ in range(count)]

    async def _send(self, path: str, caller: bytes) -> None:
        parts = iter([{"type": "http.request", "body": b""}])

        async def receive() -> Any:
            part = next(parts, None)
            if part is None:
                await self.disconnect.wait()
            return part or {"type": "http.disconnect"}

        async def send(_message: Any) -> None:
            pass

        headers = [(b"authorization", caller)]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
        await self._guard(scope, receive, send)

    async def all_finish(self) -> None:
        self.application.finish.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks), 60)


async def settle() -> None:
    """Let all tasks run until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("path", "at_once"),
    [
        ("/v1/videos", SLOTS_PER_CALLER),
        ("/v1/videos/vid_1/events", 3 * SLOTS_PER_CALLER),
        ("/livez", 3 * SLOTS_PER_CALLER),
    ],
)
def test_requests_of_one_caller_wait_for_each_other_unless_they_stream_or_probe(path: str, at_once: int) -> None:
    async def run() -> None:
        requests = Requests()
        requests.send(path, ALICE, count=3 * SLOTS_PER_CALLER)
        await settle()
        requests.send(path, BOB, count=1)
        await settle()
        assert requests.application.waiting == {ALICE: at_once, BOB: 1}
        await requests.all_finish()
        assert requests.application.waiting == {ALICE: 3 * SLOTS_PER_CALLER, BOB: 1}

    asyncio.run(run())


def test_who_disconnects_while_waiting_costs_nothing() -> None:
    async def run() -> None:
        requests = Requests()
        requests.send("/v1/videos", ALICE, count=SLOTS_PER_CALLER + 5)
        await settle()
        requests.disconnect.set()
        await settle()
        assert requests.application.disconnected == {ALICE: 5}
        assert requests.application.waiting == {ALICE: SLOTS_PER_CALLER}
        await requests.all_finish()
        # Their slots are free again.
        requests.send("/v1/videos", ALICE, count=SLOTS_PER_CALLER)
        await settle()
        assert requests.application.waiting == {ALICE: 2 * SLOTS_PER_CALLER}

    asyncio.run(run())


def test_a_caller_has_fewer_slots_while_there_are_others() -> None:
    now = 0.0

    async def at_once(slots: CallerSlots, caller: str) -> int:
        """Return how many of many requests get a slot without waiting."""

        async def connected() -> None:
            await asyncio.Event().wait()

        requests = [slots.slot_for(("key", caller)) for _ in range(3 * SLOTS_PER_CALLER)]
        tasks = [asyncio.create_task(each.acquire(connected)) for each in requests]
        await settle()
        held = sum(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await settle()
        for each in requests:
            each.release()
        return held

    async def run() -> None:
        nonlocal now
        slots = CallerSlots(clock=lambda: now)
        assert await at_once(slots, "alice") == SLOTS_PER_CALLER
        assert await at_once(slots, "bob") == SLOTS_BESIDE_OTHERS
        assert await at_once(slots, "alice") == SLOTS_BESIDE_OTHERS
        now += OTHERS_SECONDS / 2
        assert await at_once(slots, "alice") == SLOTS_BESIDE_OTHERS
        now += OTHERS_SECONDS / 2
        assert await at_once(slots, "alice") == SLOTS_PER_CALLER

    asyncio.run(run())
