"""Questions to servers that may be frozen: each has its own short time, and none holds its caller longer."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import connections

Answer = TypeVar("Answer")


class Probe(Generic[Answer]):
    """Asks in a thread of its own, with its own database connection; several callers at once share one question.

    A server that is frozen answers neither yes nor no. The thread that asked it then stays, alone: as long as it does,
    nobody asks again, and every caller hears TimeoutError after `seconds`.
    """

    def __init__(self, ask: Callable[[], Answer], *, seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = threading.Lock()
        self._asked: Future[Answer] | None = None

    def __call__(self) -> Answer:
        """Raises TimeoutError, or what the question itself raises."""
        return self.begin().result(self._seconds)

    def begin(self) -> "Future[Answer]":
        """Asks without waiting, so that several questions can be on their way at once."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._answer, args=[self._asked], daemon=True).start()
            return self._asked

    def _answer(self, asked: "Future[Answer]") -> None:
        try:
            found = self._ask()
        except Exception as error:
            asked.set_exception(error)
        else:
            asked.set_result(found)
        finally:
            connections.close_all()
