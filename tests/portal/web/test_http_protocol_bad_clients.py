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
# Logged when a request has waited for a connection of the pool for too long.
NO_CONNECTION = "database_unavailable"


Body = Callable[..., dict[str, Any]]
KEEPS_CONNECTIONS = "tests.support.settings_keeping_connections"


def test_good_clients_are_served_beside_bad_ones(
    live_process: Callable[..., LiveProcess], alice: Person, bob: Person, body: Body
) -> None:
    live = live_process(
        DATABASE_POOL_SIZE=POOL_SIZE,
        REQUEST_HEADER_TIMEOUT_SECONDS=3,
        REQUEST_BODY_TIMEOUT_SECONDS=5,
        RESPONSE_WRITE_TIMEOUT_SECONDS=1,
    )
    with bad_clients_of(bob, live, count=BAD_CLIENTS) as bad_clients:
        statuses = send_requests(live, alice.headers, body, clients=GOOD_CLIENTS, each=REQUESTS_EACH)
        # Two kinds do not notice it: one has the end of its file still to read, the other has read all events.
        wait_until(lambda: len(bad_clients.reconnects) == 5, 120, lambda: str(bad_clients.reconnects))
        wait_until(lambda: "slow_client_disconnected" in live.log.read_text(), 120)
    assert statuses == {"202": GOOD_CLIENTS * REQUESTS_EACH, "200": GOOD_CLIENTS * REQUESTS_EACH}
    assert NO_CONNECTION not in live.log.read_text()
    wait_until(lambda: open_connections(live) == 0, 120)


def test_a_server_that_keeps_connections_is_found(
    live_process: Callable[..., LiveProcess], alice: Person, bob: Person, body: Body
) -> None:
    live = live_process(DATABASE_POOL_SIZE=POOL_SIZE, DJANGO_SETTINGS_MODULE=KEEPS_CONNECTIONS)
    with bad_clients_of(bob, live, count=28):
        statuses = send_requests(live, alice.headers, body, clients=1, each=1)
    assert statuses.keys() - {"202", "200"}
    assert NO_CONNECTION in live.log.read_text()


def bad_clients_of(person: Person, live: LiveProcess, *, count: int) -> BadClients:
    video = store_job(person.team, person.user, State.COMPLETED, bytes(FILE_BYTES))
    running = store_job(person.team, person.user, State.IN_PROGRESS, b"")
    file_path, events_path = f"/v1/videos/{video.public_id}/content", f"/v1/videos/{running.public_id}/events"
    return BadClients(live.port, person.headers, file_path=file_path, events_path=events_path, count=count)


def send_requests(live: LiveProcess, headers: dict[str, str], body: Body, *, clients: int, each: int) -> Counter[str]:
    """Let some clients submit videos and list them. Return how often each status was received, or each error."""

    def send(number: int) -> list[str]:
        with httpx.Client(base_url=live.url, headers=headers, timeout=60) as client:
            created = [client.post("/v1/videos", json=body(prompt=f"client {number}")) for _ in range(each)]
            listed = [client.get("/v1/videos") for _ in range(each)]
        return [response.text if response.is_error else str(response.status_code) for response in created + listed]

    with ThreadPoolExecutor(clients) as pool:
        return Counter(status for statuses in pool.map(send, range(clients)) for status in statuses)


def open_connections(live: LiveProcess) -> int:
    return sum(each.status == "ESTABLISHED" for each in live.process.net_connections("tcp"))
