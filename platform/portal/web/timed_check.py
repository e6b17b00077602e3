"""Checks of servers that may be unresponsive: each has a short timeout, and none blocks its caller longer."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import connections

Result = TypeVar("Result")


class TimedCheck(Generic[Result]):
    """Runs a check in its own thread, with its own database connection; concurrent callers share one run.

    If a server does not respond at all, the thread keeps waiting. Until it ends, no second check is started, and every
    caller gets TimeoutError after `timeout_seconds`.
    """

    def __init__(self, check: Callable[[], Result], *, timeout_seconds: float) -> None:
        self._check, self._timeout_seconds = check, timeout_seconds
        self._lock = threading.Lock()
        self._pending: Future[Result] | None = None

    def __call__(self) -> Result:
        """Return the result. Raises TimeoutError, or the error of the check itself."""
        return self.start().result(self._timeout_seconds)

    def start(self) -> "Future[Result]":
        """Start the check without waiting, so that several can run at the same time."""
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = Future()
                threading.Thread(target=self._run, args=[self._pending], daemon=True).start()
            return self._pending

    def _run(self, pending: "Future[Result]") -> None:
        try:
            result = self._check()
        except Exception as error:
            pending.set_exception(error)
        else:
            pending.set_result(result)
        finally:
            connections.close_all()
