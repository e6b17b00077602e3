"""Checks whether the upstream server of a model can be used, so that no job is claimed that nobody could make."""

import asyncio
import threading
import time

import structlog

from common.messages import Message
from inference.engines.upstream.api_key import read_api_key
from inference.engines.upstream.client import UpstreamClient
from inference.engines.upstream.options import UpstreamOptions
from inference.errors import UpstreamError
from jobs.worker.heartbeat import UpstreamServerState

log = structlog.get_logger(__name__)

_CHECK_INTERVAL_SECONDS = 10.0
_RECOVERY_CHECK_INTERVAL_SECONDS = 2.0
# A server may show its models to everybody and reject our key only with a video. So often a video shows whether it
# still does.
_DENIAL_SECONDS = 30.0


class ServerCheck(threading.Thread):
    """A thread that asks the server at an interval. error: why no video can be sent to it, or None."""

    def __init__(self, options: UpstreamOptions, *, model: str) -> None:
        super().__init__(name="server-check", daemon=True)
        self.model, self._options = model, options
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._denied_until = 0.0
        self.error: Message | None = None
        self.state = UpstreamServerState(is_available=None, changed_at=time.monotonic())

    def run(self) -> None:
        while not self._stopped.is_set():
            error = self._check()
            with self._lock:
                if error is not None or time.monotonic() >= self._denied_until:
                    self._record(error)
            self._stopped.wait(_RECOVERY_CHECK_INTERVAL_SECONDS if self.error else _CHECK_INTERVAL_SECONDS)

    def note_denial(self, error: Message) -> None:
        """Record that the server rejects our key or our account, as it said when it was sent a video."""
        with self._lock:
            self._denied_until = time.monotonic() + _DENIAL_SECONDS
            self._record(error)

    def stop(self) -> None:
        self._stopped.set()

    def _check(self) -> Message | None:
        try:
            asyncio.run(self._ask())
        except UpstreamError as error:
            return Message(error.template, error.params)
        return None

    async def _ask(self) -> None:
        async with UpstreamClient(self._options.url, read_api_key(self._options.api_key_file)) as client:
            await client.check_health()

    def _record(self, error: Message | None) -> None:
        is_available = error is None
        if is_available != self.state.is_available:
            self.state.is_available, self.state.changed_at = is_available, time.monotonic()
            if error is not None:
                log.error("upstream_server_unavailable", model=self.model, reason=str(error))
            else:
                log.info("upstream_server_available", model=self.model)
        self.error = error
