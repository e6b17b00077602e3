"""Clients that keep connections busy: they send nothing, too slowly or half, read nothing, or break off."""

import itertools
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Headers = dict[str, str]


class BadClients:
    """Clients of each kind, one after the other, while the block runs. One that was disconnected connects again.

    reconnects: how often a client of each kind did so.
    """

    def __init__(self, port: int, headers: Headers, *, file_path: str, events_path: str, count: int) -> None:
        """headers: credentials. file_path: a response of some megabytes. events_path: an event stream."""
        self._port, self._headers, self._file_path, self._events_path = port, headers, file_path, events_path
        kinds: list[Callable[[], BadClient]] = [
            self._sends_nothing,
            self._sends_half_the_headers,
            self._sends_a_slow_body,
            self._sends_a_chunked_body_without_end,
            self._reads_no_file,
            self._reads_no_events,
            self._breaks_off,
        ]
        self._clients = [kinds[number % len(kinds)] for number in range(count)]
        self._connected: list[BadClient | None] = [None] * count
        self.reconnects: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        for position in range(len(self._clients)):
            self._connect(position)
        self.reconnects.clear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for client in self._connected:
            if client is not None:
                client.close()

    def _run(self) -> None:
        """Take care of one client after the other, of each twice a second."""
        for position in itertools.cycle(range(len(self._clients))):
            if self._stop.wait(0.5 / len(self._clients)):
                return
            self._connect(position)

    def _connect(self, position: int) -> None:
        """Connect a client that is not connected."""
        client, connect = self._connected[position], self._clients[position]
        if client is not None and client.goes_on():
            return
        if client is not None:
            client.close()
        self.reconnects[connect.__name__] += 1
        with suppress(OSError):
            self._connected[position] = connect()

    def _sends_nothing(self) -> "BadClient":
        return BadClient(self._port, b"")

    def _sends_half_the_headers(self) -> "BadClient":
        return BadClient(self._port, b"GET /v1/videos HTTP/1.1\r\nHost: localhost\r\n", slowly=b"X-Header: ")

    def _sends_a_slow_body(self) -> "BadClient":
        return BadClient(self._port, self._post({"Content-Length": "900000"}) + b'{"prompt": "', slowly=b"word ")

    def _sends_a_chunked_body_without_end(self) -> "BadClient":
        return BadClient(self._port, self._post({"Transfer-Encoding": "chunked"}), slowly=b"1\r\n \r\n")

    def _reads_no_file(self) -> "BadClient":
        return BadClient(self._port, self._get(self._file_path))

    def _reads_no_events(self) -> "BadClient":
        return BadClient(self._port, self._get(self._events_path))

    def _breaks_off(self) -> "BadClient":
        return BadClient(self._port, self._get(self._file_path), ends=True)

    def _get(self, path: str) -> bytes:
        return _request("GET", path, self._headers)

    def _post(self, headers: Headers) -> bytes:
        return _request("POST", "/v1/videos", {**self._headers, "Content-Type": "application/json", **headers})


class BadClient:
    """One connection with a small receive buffer, of which nothing is read.

    slowly: is sent from now on, a byte at a time. ends: the client resets the connection in the middle of the response.
    """

    def __init__(self, port: int, sent: bytes, *, slowly: bytes = b"", ends: bool = False) -> None:
        self._slowly, self._position, self._ends = slowly, 0, ends
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        if ends:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.connect(("127.0.0.1", port))
        self._socket.sendall(sent)

    def goes_on(self) -> bool:
        """Send the next byte. Return whether the connection still exists."""
        try:
            if self._slowly:
                self._socket.send(self._slowly[self._position : self._position + 1], socket.MSG_DONTWAIT)
                self._position = (self._position + 1) % len(self._slowly)
                received = self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                return received[:1] == b"H"  # a response, such as 408, after which the server disconnects
            return not self._ends and self._is_connected()
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _is_connected(self) -> bool:
        return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""

    def close(self) -> None:
        self._socket.close()


def _request(method: str, path: str, headers: Headers) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()
