"""An end for a whole HTTP exchange.

The timeouts of sockets count from one byte to the next: who sends one every nine seconds holds a connection for days.
"""

import socket
import threading
from contextlib import suppress
from typing import Any, Self

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """Cuts the connections of the sessions it watches once its time is over; readers then see them end."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_of_the_error: object) -> None:
        self._timer.cancel()
        for held in self._sockets:
            held.close()

    def watch(self, session: requests.Session) -> None:
        """Has every connection that the session makes from now on end with the time."""
        deadline = self

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return deadline._hold(super()._new_conn())

        class Encrypted(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return deadline._hold(super()._new_conn())

        pools: dict[str, Any] = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
            "https": type("EncryptedPool", (HTTPSConnectionPool,), {"ConnectionCls": Encrypted}),
        }
        for adapter in session.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = pools  # type: ignore[attr-defined]

    def _hold(self, made: socket.socket) -> socket.socket:
        # A duplicate: encryption takes the first one over and leaves nothing to cut.
        self._sockets.append(made.dup())
        return made

    def _cut(self) -> None:
        self.passed = True
        for held in self._sockets:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
