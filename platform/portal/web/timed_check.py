"""Questions to servers that may be frozen: each has its own short time, and none holds its caller longer."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import connections

Result = TypeVar("Result")


class TimedCheck(Generic[Result]):
    """Asks in a thread of its own, with its own database connection; several callers at once share one question.

    A server that is frozen answers neither yes nor no. The thread that asked it then stays, alone: as long as it does,
    nobody asks again, and every caller hears TimeoutError after `seconds`.
    """

    def __init__(self, check: Callable[[], Result], *, timeout_seconds: float) -> None:
        self._check, self._timeout_seconds = check, timeout_seconds
        self._lock = threading.Lock()
        self._pending: Future[Result] | None = None

    def __call__(self) -> Result:
        """Raises TimeoutError, or what the question itself raises."""
        return self.start().result(self._timeout_seconds)

    def start(self) -> "Future[Result]":
        """Asks without waiting, so that several questions can be on their way at once."""
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = Future()
                threading.Thread(target=self._run, args=[self._pending], daemon=True).start()
            return self._pending

    def _run(self, pending: "Future[Result]") -> None:
        try:
            found = self._check()
        except Exception as error:
            pending.set_exception(error)
        else:
            pending.set_result(found)
        finally:
            connections.close_all()
