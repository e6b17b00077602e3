"""The worker's end of its engine child: start, talk, notice its death, replace it."""

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

# Spawned, not forked: a CUDA context does not survive a fork, and the child must not inherit database connections.
_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class EngineExit:
    """The child is gone without having said so. `exitcode` is negative for a signal."""

    exitcode: int | None


class EngineProcess:
    """One resident engine, restartable. Knows nothing of jobs."""

    def __init__(self, *, model: str, device: str, source: str | None, configure_logs: Callable[[], None]) -> None:
        self._facts = {"model": model, "device": device, "source": source, "configure_logs": configure_logs}
        self._process: SpawnProcess | None = None
        self._pipe: connection.Connection[EngineCommand, EngineMessage] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Starts a fresh child. Call it from the main thread only: the child dies with the thread that started it."""
        ours, theirs = _context.Pipe()
        self._process = _context.Process(
            target=run_engine,
            args=(theirs,),
            kwargs={"parent_pid": os.getpid(), **self._facts},
            name=f"engine {self._facts['model']}",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self._pipe = ours

    def send(self, command: EngineCommand) -> None:
        """Sends an order; a child that died meanwhile is noticed by the next `reports`."""
        try:
            if self._pipe is not None:
                self._pipe.send(command)
        except OSError:
            pass

    def receive(self, *, timeout_seconds: float, wakeup_socket: socket.socket) -> list[EngineMessage | EngineExit]:
        """What the child has said; at last Died, once, when it is gone.

        Waits for the first word, or until the socket has something to read, or so many seconds.
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
            self._forget()
        return received

    def kill_callback(self) -> Callable[[], None]:
        """Ends the child that runs now, and never a later one. May be called from any thread and at any time."""
        process = self._process

        def kill() -> None:
            with suppress(ValueError):  # it is gone, and its handle closed
                if process is not None:
                    process.kill()

        return kill

    def stop(self) -> None:
        """Ends the child at once, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._forget()

    def _forget(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.close()
        self._process = self._pipe = None
