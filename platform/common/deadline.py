"""An end for a whole HTTP exchange.

The timeouts of sockets count from one byte to the next: who sends one every nine seconds holds a connection for days.
"""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

T = TypeVar("T")


class Deadline:
    """Cuts the connections of the sessions it watches once its time is over; readers then see them end."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._end = time.monotonic() + seconds
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
                return deadline._hold(deadline.within(super()._new_conn))

        class Encrypted(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return deadline._hold(deadline.within(super()._new_conn))

        pools: dict[str, Any] = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
            "https": type("EncryptedPool", (HTTPSConnectionPool,), {"ConnectionCls": Encrypted}),
        }
        for adapter in session.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = pools  # type: ignore[attr-defined]
            adapter.build_connection_pool_key_attributes = self._timed(  # type: ignore[attr-defined]
                adapter.build_connection_pool_key_attributes  # type: ignore[attr-defined]
            )

    def within(self, call: Callable[[], T]) -> T:
        """What the call gives. Raises requests.Timeout once the time is over, whatever the call does then.

        For what nothing can cut off, such as the system's look for a name: it goes on in a thread and ends by itself.
        """
        found: Future[T] = Future()
        threading.Thread(target=_answer, args=(found, call), daemon=True).start()
        wait([found], timeout=max(0, self._end - time.monotonic()))
        if not found.done():
            self.passed = True
            raise requests.Timeout
        return found.result()

    def _timed(self, resolve: Callable[..., T]) -> Callable[..., T]:
        """The guard looks for the name, and judges what it finds, before there is a connection."""
        return lambda *args, **kwargs: self.within(partial(resolve, *args, **kwargs))

    def _hold(self, made: socket.socket) -> socket.socket:
        # A duplicate: encryption takes the first one over and leaves nothing to cut.
        self._sockets.append(made.dup())
        return made

    def _cut(self) -> None:
        self.passed = True
        for held in self._sockets:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)


def _answer(found: Future[T], call: Callable[[], T]) -> None:
    try:
        found.set_result(call())
    except BaseException as error:  # raised again where it is awaited
        found.set_exception(error)
