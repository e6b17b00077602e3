"""The worker's handle on its engine process: starts it, exchanges messages, detects its exit, replaces it."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import SpawnProcess

from jobs.worker.child import run_engine
from jobs.worker.messages import EngineCommand, EngineMessage

# Spawned, not forked: a CUDA context does not survive a fork, and the engine must not inherit database connections.
_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class EngineExit:
    """The engine process has exited. `exitcode` is negative if a signal killed it."""

    exitcode: int | None


class EngineProcess:
    """One engine process that can be restarted. This class does not know about jobs."""

    def __init__(self, *, model: str, device: str, source: str | None, configure_logs: Callable[[], None]) -> None:
        self._options = {"model": model, "device": device, "source": source, "configure_logs": configure_logs}
        self._process: SpawnProcess | None = None
        self._pipe: connection.Connection[EngineCommand, EngineMessage] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start the process. Call it from the main thread only: the process dies with the thread that started it."""
        worker_end, engine_end = _context.Pipe()
        self._process = _context.Process(
            target=run_engine,
            args=(engine_end,),
            kwargs={"parent_pid": os.getpid(), **self._options},
            name=f"engine {self._options['model']}",
            daemon=True,
        )
        self._process.start()
        engine_end.close()
        self._pipe = worker_end

    def send(self, command: EngineCommand) -> None:
        """Send a command. If the process has died in the meantime, the next `receive` reports it."""
        try:
            if self._pipe is not None:
                self._pipe.send(command)
        except OSError:
            pass

    def receive(self, *, timeout_seconds: float, wakeup_socket: socket.socket) -> list[EngineMessage | EngineExit]:
        """Return the messages of the engine, with EngineExit as the last one, once, after the process has exited.

        Waits until there is a message, the socket is readable, or the timeout has passed.
        """
        if self._process is None or self._pipe is None:
            connection.wait([wakeup_socket], timeout_seconds)
            return []
        connection.wait([self._pipe, self._process.sentinel, wakeup_socket], timeout_seconds)
        received: list[EngineMessage | EngineExit] = []
        try:
            while self._pipe.poll():
                received.append(self._pipe.recv())
        except (EOFError, OSError):
            self._process.join(timeout=1)
        if not self._process.is_alive():
            received.append(EngineExit(self._process.exitcode))
            self._close_handles()
        return received

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
