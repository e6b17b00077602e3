"""Good clients beside those that keep connections busy, at a real `live` process that serves everything."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from jobs.states import State
from tests.support.bad_clients import BadClients
from tests.support.people import Person
from tests.support.videos import store_job
from tests.support.web_processes import LiveProcess
from tests.support.workers import wait_until

pytestmark = pytest.mark.process

BAD_CLIENTS = 70
GOOD_CLIENTS, REQUESTS_EACH = 4, 12
# Fewer connections than any kind of bad clients needs if each one kept a connection.
POOL_SIZE = 3
FILE_BYTES = 4_000_000


def test_good_clients_are_served_beside_bad_ones(
    live_process: Callable[..., LiveProcess],
    alice: Person,
    bob: Person,
    body: Callable[..., dict[str, Any]],
) -> None:
    video = store_job(bob.team, bob.user, State.COMPLETED, bytes(FILE_BYTES))
    running = store_job(bob.team, bob.user, State.IN_PROGRESS, b"")
    live = live_process(
        DATABASE_POOL_SIZE=POOL_SIZE,
        REQUEST_HEADER_TIMEOUT_SECONDS=3,
        REQUEST_BODY_TIMEOUT_SECONDS=5,
        RESPONSE_WRITE_TIMEOUT_SECONDS=1,
    )

    def send_requests(number: int) -> list[str]:
        with httpx.Client(base_url=live.url, headers=headers, timeout=60) as client:
            created = [client.post("/v1/videos", json=body(prompt=f"client {number}")) for _ in range(REQUESTS_EACH)]
            listed = [client.get("/v1/videos") for _ in range(REQUESTS_EACH)]
        return [response.text if response.is_error else str(response.status_code) for response in created + listed]

    headers = alice.headers
    with BadClients(
        live.port,
        bob.headers,
        file_path=f"/v1/videos/{video.public_id}/content",
        events_path=f"/v1/videos/{running.public_id}/events",
        count=BAD_CLIENTS,
    ) as bad_clients:
        with ThreadPoolExecutor(GOOD_CLIENTS) as pool:
            statuses = Counter(status for each in pool.map(send_requests, range(GOOD_CLIENTS)) for status in each)
        # Two kinds do not notice it: one has the end of its file still to read, the other has read all events.
        wait_until(lambda: len(bad_clients.reconnects) == 5, 120, lambda: str(bad_clients.reconnects))
        wait_until(lambda: "slow_client_disconnected" in live.log.read_text(), 120)
    assert statuses == {"202": GOOD_CLIENTS * REQUESTS_EACH, "200": GOOD_CLIENTS * REQUESTS_EACH}
    assert "PoolTimeout" not in live.log.read_text()
    wait_until(lambda: open_connections(live) == 0, 120)


def open_connections(live: LiveProcess) -> int:
    return sum(each.status == "ESTABLISHED" for each in live.process.net_connections("tcp"))
