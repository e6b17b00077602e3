"""A client that follows `after` sees every video exactly once, however submits overlap and clocks differ."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import httpx
import pytest
import uuid_utils
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.live_server_helper import LiveServer

from accounts.quota.models import Plan
from common import ids
from jobs.models import Job
from jobs.storage.files import store_file
from jobs.videos import services
from tests.support.people import Person

WRITERS, VIDEOS_EACH = 4, 4
DELAYS = st.lists(st.integers(0, 60), min_size=1, max_size=7)
SKEWS = st.lists(st.integers(-600_000, 600_000), min_size=1, max_size=5)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(delays=DELAYS, skews=SKEWS)
def test_a_reader_that_follows_ids_sees_every_video_once(
    live_server: LiveServer,
    alice: Person,
    body: Callable[..., dict[str, Any]],
    delays: list[int],
    skews: list[int],
) -> None:
    """delays: milliseconds between the id and the transaction, in turn. skews: those of the clocks of the hosts."""
    Plan.objects.update(requests_per_minute=None)
    headers = alice.headers
    newest = Job.objects.order_by("-pk").first()
    seen = [newest.public_id] if newest else []

    def write(number: int) -> list[str]:
        sent = [client.post("/v1/videos", json=body(prompt=f"writer {number}")) for _ in range(VIDEOS_EACH)]
        return [response.json()["id"] for response in sent]

    def read() -> bool:
        page = client.get("/v1/videos", params={"order": "asc", "limit": 3, **({"after": seen[-1]} if seen else {})})
        found = [video["id"] for video in page.json()["data"]]
        seen.extend(found)
        return bool(found)

    with (
        pytest.MonkeyPatch.context() as patch,
        httpx.Client(base_url=live_server.url, headers=headers, timeout=60) as client,
        ThreadPoolExecutor(WRITERS) as pool,
    ):
        patch.setattr(ids, "uuid_utils", _Clocks(cycle(skews)))
        patch.setattr(services, "store_file", _delayed(store_file, cycle(delays)))
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        while not all(each.done() for each in writers):
            read()
        while read():
            pass
    created = {video for each in writers for video in each.result()}
    assert len(created) == WRITERS * VIDEOS_EACH
    assert sorted(created) == seen[1 if newest else 0 :]


class _Clocks:
    """Makes ids as hosts with these clocks do, in turn."""

    def __init__(self, skews: Iterator[int]) -> None:
        self.skews = skews

    def uuid7(self) -> uuid_utils.UUID:
        return uuid_utils.uuid7(nanoseconds=time.time_ns() + next(self.skews) * 1_000_000)


def _delayed(store: Callable[[str, bytes], str], delays: Iterator[int]) -> Callable[[str, bytes], str]:
    def store_slowly(key: str, content: bytes) -> str:
        time.sleep(next(delays) / 1000)
        return store(key, content)

    return store_slowly
