"""Headers that are too large, too many or too slow, at a real server."""

import http.client
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress

import httpx
import pytest

from tests.support.web_processes import LiveProcess

START = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
Start = Callable[..., LiveProcess]
# A wait ends when the server disconnects.
_TIMEOUT_SECONDS = 120


@pytest.fixture
def live(live_process: Start) -> LiveProcess:
    return live_process(REQUEST_HEADER_TIMEOUT_SECONDS=2)


def connect(live: LiveProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", live.port), timeout=_TIMEOUT_SECONDS)


def read_to_end(line: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while data := line.recv(65_536):
            received += data
    return received


@pytest.mark.parametrize(
    "headers",
    [b"X-Large: " + b"a" * 40_000 + b"\r\n\r\n", b"X: 1\r\n" * 200 + b"\r\n"],
    ids=["large", "many"],
)
def test_complete_headers_beyond_the_limits_are_refused(headers: bytes, live: LiveProcess) -> None:
    with connect(live) as line:
        line.sendall(START + headers)
        assert read_to_end(line).startswith(b"HTTP/1.1 431 ")


def test_a_header_without_end_is_refused_and_not_kept(live: LiveProcess) -> None:
    before = live.process.memory_info().rss
    with connect(live) as line:
        # The server closes the connection long before these 100 MB are sent.
        with suppress(ConnectionError):
            line.sendall(START + b"X-Large: ")
            for _ in range(100):
                line.sendall(b"a" * 1_000_000)
        read_to_end(line)
    assert live.process.memory_info().rss - before < 50_000_000
    assert httpx.get(f"{live.url}/livez", timeout=_TIMEOUT_SECONDS).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /livez HT", START], ids=["nothing", "half a line", "half the headers"])
def test_half_open_connections_are_closed(sent: bytes, live: LiveProcess) -> None:
    with ExitStack() as lines:
        half_open = [lines.enter_context(connect(live)) for _ in range(50)]
        for line in half_open:
            line.sendall(sent)
        assert httpx.get(f"{live.url}/livez", timeout=_TIMEOUT_SECONDS).status_code == 200
        for line in half_open:
            read_to_end(line)


def test_headers_that_arrive_byte_by_byte_have_no_more_time(live: LiveProcess) -> None:
    with connect(live) as line:

        def send_slowly() -> None:
            with suppress(OSError):
                for byte in START * 100:
                    line.sendall(bytes([byte]))
                    time.sleep(0.1)

        thread = threading.Thread(target=send_slowly, daemon=True)
        thread.start()
        assert b"200" not in read_to_end(line)
    thread.join()


def test_usual_requests_share_a_connection(live: LiveProcess) -> None:
    ports = set()
    with closing(http.client.HTTPConnection("127.0.0.1", live.port, timeout=_TIMEOUT_SECONDS)) as connection:
        for _ in range(3):
            connection.request("GET", "/livez", headers={"X-Large": "a" * 20_000})
            response = connection.getresponse()
            assert (response.status, len(response.read()) > 0) == (200, True)
            ports.add(connection.sock.getsockname()[1])
    assert len(ports) == 1
