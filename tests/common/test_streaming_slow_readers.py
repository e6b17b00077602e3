"""Slow readers of a real `live` process: the others do not notice them, and they end by a timeout."""

import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Self

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from common.clock import DatabaseNow
from jobs.batches.models import Batch, BatchItem
from jobs.exports.models import Export
from jobs.galleries.services.sharing import create_link
from jobs.models import Job
from jobs.states import State
from tests.jobs.galleries.views.test_gallery import principal
from tests.support.people import PASSWORD, Person
from tests.support.videos import store_job
from tests.support.web_processes import LiveProcess
from tests.support.workers import wait_until

pytestmark = pytest.mark.process

CLIENTS = 12
# Fewer connections than there are readers of each kind.
POOL_SIZE = 2
# More than the buffers of the kernel and of the server hold.
FILE_BYTES = 8_000_000
CSV_ROWS = 100_000
BYTES_PER_SECOND = 10_000
# A request that waits for a connection fails with 503 after this time.
POOL_TIMEOUT_SECONDS = 5


class SlowReader:
    """A client with a small receive buffer that reads 10 kB a second, once its response has begun."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {text}" for name, text in headers.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.received = self.socket.recv(1000)

    @property
    def status(self) -> int:
        return int(self.received[9:12])

    def read_slice(self) -> None:
        """Read what a tenth of a second allows, if it has arrived."""
        with suppress(BlockingIOError):
            self.received += self.socket.recv(BYTES_PER_SECOND // 10, socket.MSG_DONTWAIT)

    def read_rest(self) -> None:
        while part := self.socket.recv(1 << 20):
            self.received += part

    def close(self) -> None:
        self.socket.close()


class SlowReaders:
    """Clients that read in a thread while the block runs."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._readers: list[SlowReader] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for reader in self._readers:
            reader.close()

    def _read(self) -> None:
        while not self._stop.wait(0.1):
            for reader in list(self._readers):
                reader.read_slice()

    def start(self, urls: Sequence[tuple[str, dict[str, str]]], *, count: int) -> None:
        """Start this many readers of each URL, one after the other."""
        for path, headers in urls:
            for _ in range(count):
                reader = SlowReader(self._port, path, headers)
                self._readers.append(reader)
                assert reader.status == 200, (path, reader.received)

    def wait_for_content(self) -> None:
        """Wait until each reader has received a part of the content. All of them are still being served."""
        wait_until(lambda: min(len(reader.received) for reader in self._readers) > 2 * BYTES_PER_SECOND, 120)
        assert max(len(reader.received) for reader in self._readers) < FILE_BYTES


@pytest.fixture
def content() -> bytes:
    return secrets.token_bytes(FILE_BYTES)


@pytest.fixture
def video(alice: Person, content: bytes) -> Job:
    return store_job(alice.team, alice.user, State.COMPLETED, content)


@pytest.fixture
def batch(alice: Person, video: Job) -> Batch:
    """A finished batch of one large video."""
    batch = Batch.objects.create(
        team=alice.team, user=alice.user, total=1, state=Batch.State.COMPLETED, finished_at=DatabaseNow()
    )
    BatchItem.objects.create(team=alice.team, batch=batch, index=0, job=video)
    return batch


@pytest.fixture
def export(alice: Person, content: bytes) -> Export:
    export = Export(user=alice.user, state=Export.State.READY, size_bytes=FILE_BYTES)
    export.file_key = default_storage.save("exports/test.zip", ContentFile(content))
    export.expires_at = datetime.now(UTC) + timedelta(days=1)
    export.save()
    return export


@pytest.fixture
def usage(alice: Person) -> None:
    """A month of 100,000 lines."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO quota_usageday"
            " (team_id, day, user_id, model, credits, videos, completed, gpu_seconds)"
            " SELECT %s, date_trunc('month', now() AT TIME ZONE 'UTC')::date, %s, 'model-' || number, 1, 1, 1, 1.5"
            " FROM generate_series(1, %s) AS number",
            [alice.team.pk, alice.user.pk, CSV_ROWS],
        )


@pytest.fixture
def browser_headers(alice: Person) -> dict[str, str]:
    """Headers of a browser that has just been asked for the password, as the download of an export requires."""
    assert alice.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    return {"Cookie": f"sessionid={alice.cookie}"}


Urls = list[tuple[str, dict[str, str]]]


@pytest.fixture
def urls(alice: Person, video: Job, batch: Batch, export: Export, usage: None, browser_headers: dict[str, str]) -> Urls:
    """A zip, an export, a CSV and a video."""
    return [
        (f"/v1/batches/{batch.public_id}/results", alice.headers),
        (f"/account/data/{export.pk}", browser_headers),
        ("/usage.csv", browser_headers),
        (f"/v1/videos/{video.public_id}/content", alice.headers),
    ]


def test_others_do_not_notice_48_slow_readers(
    live_process: Callable[..., LiveProcess], alice: Person, video: Job, urls: Urls
) -> None:
    live = live_process(DATABASE_POOL_SIZE=POOL_SIZE)
    with SlowReaders(live.port) as readers:
        readers.start(urls, count=CLIENTS)
        readers.wait_for_content()
        with httpx.Client(base_url=live.url, headers=alice.headers, timeout=60) as others:
            responses = [
                others.get(path)
                for _ in range(10)
                for path in ("/v1/videos", f"/v1/videos/{video.public_id}", "/v1/limits", "/v1/models")
            ]
        assert [response.status_code for response in responses] == [200] * len(responses)
        assert max(response.elapsed.total_seconds() for response in responses) < POOL_TIMEOUT_SECONDS
        readers.wait_for_content()


def test_readers_of_a_share_link_hold_no_connection(
    live_process: Callable[..., LiveProcess], alice: Person, video: Job
) -> None:
    link = create_link(principal=principal(alice), target=video)
    live = live_process(DATABASE_POOL_SIZE=POOL_SIZE)
    with SlowReaders(live.port) as readers:
        readers.start([(f"/s/{link.token}/{video.public_id}/content", {})], count=2 * POOL_SIZE)
        response = httpx.get(f"{live.url}/v1/videos", headers=alice.headers, timeout=60)
        assert response.status_code == 200
        readers.wait_for_content()


def test_a_disconnect_releases_everything(live_process: Callable[..., LiveProcess], alice: Person, urls: Urls) -> None:
    """After all readers have gone in the middle, the process has as many open files and connections as before."""
    live = live_process(DATABASE_POOL_SIZE=POOL_SIZE)

    def resources() -> tuple[int, int]:
        """The numbers of sockets of clients and of open files."""
        sockets = live.process.net_connections("tcp")
        return sum(each.status == "ESTABLISHED" for each in sockets), len(live.process.open_files())

    files = None
    for count in (1, 6):
        with SlowReaders(live.port) as readers:
            readers.start(urls, count=count)
            readers.wait_for_content()
            assert resources()[0] >= count
        wait_until(lambda: resources()[0] == 0, 60)
        files = files or resources()[1]
        wait_until(lambda files=files: resources() == (0, files), 60, lambda: str(resources()))  # type: ignore[misc]
    assert httpx.get(f"{live.url}/v1/videos", headers=alice.headers, timeout=60).status_code == 200


def test_a_client_that_reads_nothing_is_disconnected(
    live_process: Callable[..., LiveProcess], alice: Person, video: Job, content: bytes
) -> None:
    live = live_process(RESPONSE_WRITE_TIMEOUT_SECONDS=0.5)
    reader = SlowReader(live.port, f"/v1/videos/{video.public_id}/content", alice.headers)
    wait_until(lambda: "slow_client_disconnected" in live.log.read_text(), 120, live.log.read_text)
    reader.read_rest()
    headers, _, body = reader.received.partition(b"\r\n\r\n")
    # The client sees that the file is not complete.
    assert f"content-length: {FILE_BYTES}".encode() in headers.lower()
    assert 0 < len(body) < FILE_BYTES
    assert content.startswith(body)
    reader.close()


def test_a_client_that_reads_fast_gets_everything(
    live_process: Callable[..., LiveProcess], alice: Person, video: Job, content: bytes
) -> None:
    live = live_process(RESPONSE_WRITE_TIMEOUT_SECONDS=30)
    url = f"{live.url}/v1/videos/{video.public_id}/content"
    assert httpx.get(url, headers=alice.headers, timeout=60).content == content
    part = httpx.get(url, headers={**alice.headers, "Range": "bytes=1000000-2999999"}, timeout=60)
    assert (part.status_code, part.content) == (206, content[1_000_000:3_000_000])


@pytest.mark.parametrize("path", ["/v1/batches/{batch}/results", "/v1/videos/{video}/content"])
def test_an_outage_of_the_storage_cuts_the_stream(
    path: str,
    live_process: Callable[..., LiveProcess],
    alice: Person,
    video: Job,
    batch: Batch,
) -> None:
    """A file that is lost while it is sent: the connection ends before the response does."""
    live = live_process()
    url = path.format(batch=batch.public_id, video=video.public_id)
    reader = SlowReader(live.port, url, alice.headers)
    default_storage.delete(video.result_key)
    with pytest.raises(httpx.RemoteProtocolError):
        read_strictly(reader)
    assert "stream_interrupted" in live.log.read_text()
    assert httpx.get(f"{live.url}/livez", timeout=60).status_code == 200
    reader.close()


def read_strictly(reader: SlowReader) -> None:
    """Read the rest as a client does that checks whether the response is complete."""
    reader.read_rest()
    headers, _, body = reader.received.partition(b"\r\n\r\n")
    is_complete = (
        body.endswith(b"0\r\n\r\n")
        if b"transfer-encoding: chunked" in headers.lower()
        else len(body) == int(headers.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    )
    if not is_complete:
        raise httpx.RemoteProtocolError("The response is incomplete.")


def test_pages_of_a_large_csv_are_read_while_it_is_sent(
    live_process: Callable[..., LiveProcess],
    alice: Person,
    usage: None,
    browser_headers: dict[str, str],
) -> None:
    """The first page arrives before the last one has been read, and every line arrives once."""
    live = live_process()
    started = time.monotonic()
    first_byte_at = 0.0
    lines: list[str] = []
    with httpx.stream("GET", f"{live.url}/usage.csv", headers=browser_headers, timeout=120) as response:
        for line in response.iter_lines():
            first_byte_at = first_byte_at or time.monotonic()
            lines.append(line)
    assert first_byte_at - started < (time.monotonic() - started) / 2
    assert len(lines) == CSV_ROWS + 1
    models = [line.split(",")[5] for line in lines[1:]]
    assert len(set(models)) == CSV_ROWS
