"""The worker's handle on the engine process of a model: starts it, exchanges messages, detects its exit, replaces it.

The handle knows whether the model is loaded, why it is not, and when to load it again.
"""

import multiprocessing
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import SpawnProcess

import structlog

from common.messages import Message
from inference.models.descriptor import ModelDescriptor
from inference.weights.store import WeightsStore
from jobs.worker.child import run_engine
from jobs.worker.messages import EngineCommand, EngineMessage, EngineReady, LoadFailure, RunMessage

log = structlog.get_logger(__name__)

# Spawned, not forked: a CUDA context does not survive a fork, and the engine must not inherit database connections.
_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class EngineExit:
    """The engine process has exited."""


class EngineProcess:
    """One engine process that can be restarted. This class does not know about jobs."""

    def __init__(
        self,
        *,
        model: ModelDescriptor,
        device: str,
        source: str | None,
        store: WeightsStore,
        configure_logs: Callable[[], None],
        max_reload_delay_seconds: float = 30,
    ) -> None:
        self.model_name = model.name
        self._max_reload_delay_seconds = max_reload_delay_seconds
        self._options = {
            "model": model,
            "device": device,
            "source": source,
            "store": store,
            "configure_logs": configure_logs,
        }
        self._process: SpawnProcess | None = None
        self._pipe: connection.Connection[EngineCommand, EngineMessage] | None = None
        # Whether the model is loaded, and why the last attempt to load it failed.
        self.is_ready = False
        self.error: Message | None = None
        # How long the last load took, including the start of the process.
        self.load_seconds: float | None = None
        self._load_started_at, self._next_load_at, self._failed_loads = 0.0, 0.0, 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_loading(self) -> bool:
        return self._process is not None and not self.is_ready

    @property
    def may_start(self) -> bool:
        """Whether the process runs or may be started: not for some time after it has failed to load its model."""
        return self._process is not None or time.monotonic() >= self._next_load_at

    def ensure_started(self) -> None:
        """Start the process if there is none, unless the last one has just failed to load.

        Call it from the main thread only: the process dies with the thread that started it.
        """
        if self._process is None and self.may_start:
            self._start()

    def _start(self) -> None:
        self._load_started_at = time.monotonic()
        worker_end, engine_end = _context.Pipe()
        self._process = _context.Process(
            target=run_engine,
            args=(engine_end,),
            kwargs={"parent_pid": os.getpid(), **self._options},
            name=f"engine {self.model_name}",
            daemon=True,
        )
        self._process.start()
        engine_end.close()
        self._pipe = worker_end

    @property
    def waitables(self) -> list["connection.Connection[EngineCommand, EngineMessage] | int"]:
        """What becomes readable when there is something to `receive`, for `multiprocessing.connection.wait`."""
        return [self._pipe, self._process.sentinel] if self._process is not None and self._pipe is not None else []

    def send(self, command: EngineCommand) -> None:
        """Send a command. If the process has died in the meantime, the next `receive` reports it."""
        try:
            if self._pipe is not None:
                self._pipe.send(command)
        except OSError:
            pass

    def receive(self, *, timeout_seconds: float, wakeup_socket: socket.socket) -> list[RunMessage | EngineExit]:
        """Return the messages about runs, with EngineExit as the last one, once, after the process has exited.

        Waits until there is a message, the socket is readable, or the timeout has passed.
        """
        if self._process is None or self._pipe is None:
            connection.wait([wakeup_socket], timeout_seconds)
            return []
        connection.wait([self._pipe, self._process.sentinel, wakeup_socket], timeout_seconds)
        received: list[RunMessage | EngineExit] = []
        try:
            while self._pipe.poll():
                match self._pipe.recv():
                    case EngineReady():
                        self._record_load()
                    case LoadFailure() as failure:
                        self._record_load_failure(failure)
                    case message:
                        received.append(message)
        except (EOFError, OSError):
            self._process.join(timeout=1)
        if not self._process.is_alive():
            received.append(EngineExit())
            self._record_exit(self._process.exitcode)
            self._close_handles()
        return received

    def _record_load(self) -> None:
        self.is_ready, self.error, self._failed_loads = True, None, 0
        self.load_seconds = round(time.monotonic() - self._load_started_at, 1)
        log.info("engine_ready", model=self.model_name, seconds=self.load_seconds)

    def _record_load_failure(self, failure: LoadFailure) -> None:
        self.error = failure.message
        log.error("engine_load_failed", model=self.model_name, code=failure.code, reason=str(failure.message))

    def _record_exit(self, exitcode: int | None) -> None:
        """Delay the next start if the model was not loaded. The exit code of a killed process is negative."""
        log.warning("engine_died", exitcode=exitcode)
        if not self.is_ready:
            self._failed_loads += 1
            self._next_load_at = time.monotonic() + min(2**self._failed_loads, self._max_reload_delay_seconds)
            self.error = self.error or Message("The engine process exits while it loads its model.")

    def kill_callback(self) -> Callable[[], None]:
        """Return a function that kills the present process, and never a later one. Any thread may call it any time."""
        process = self._process

        def kill() -> None:
            with suppress(ValueError):  # the process has exited and its handle is closed
                if process is not None:
                    process.kill()

        return kill

    def stop(self) -> None:
        """Kill the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._close_handles()

    def _close_handles(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.close()
        self._process = self._pipe = None
        self.is_ready = False
