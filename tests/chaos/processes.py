"""A process of the portal that the harness starts, kills, freezes and restarts."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from portal.embedded.processes import spawn

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A process that `keep_running` restarts after it exits."""

    def __init__(self, name: str, argv: list[str], *, env: Mapping[str, str], log: Path) -> None:
        self.name, self.argv, self.env, self.log = name, argv, dict(env), log
        self.popen: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.error_exit_codes: list[int] = []
        self.frozen_until = 0.0
        self.thawed_at = 0.0
        self._readers: list[threading.Thread] = []

    @property
    def pid(self) -> int:
        return self.popen.pid if self.popen else 0

    @property
    def alive(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        """Start the process. Call it from the main thread only: the child exits with the thread that started it."""
        self.starts += 1
        self.popen = spawn(
            self.argv, death_signal=signal.SIGKILL, output=subprocess.PIPE, env={**os.environ, **self.env}, cwd=ROOT
        )
        # A pipe, not a file: the simulated full disk must not affect the log.
        reader = threading.Thread(target=self._keep_log, args=(self.popen,), daemon=True)
        reader.start()
        self._readers.append(reader)

    def keep_running(self) -> None:
        if not self.alive:
            if self.popen is not None and self.popen.returncode > 0:
                self.error_exit_codes.append(self.popen.returncode)
            self.start()

    def engine(self) -> psutil.Process | None:
        """Return the worker's engine child, if it has one now."""
        try:
            children = psutil.Process(self.pid).children()
            return next((child for child in children if "spawn_main" in " ".join(child.cmdline())), None)
        except psutil.Error:
            return None

    def kill(self) -> None:
        if self.popen is not None and self.alive:
            self.send(signal.SIGKILL)
            self.popen.wait()
        self.frozen_until = 0.0

    def send(self, number: signal.Signals) -> None:
        if self.popen is not None and self.alive:
            self.popen.send_signal(number)

    def freeze(self, seconds: float) -> None:
        self.send(signal.SIGSTOP)
        self.frozen_until = time.monotonic() + seconds

    def thaw(self) -> None:
        self.send(signal.SIGCONT)
        self.frozen_until, self.thawed_at = 0.0, time.monotonic()

    @property
    def frozen(self) -> bool:
        return self.frozen_until > 0

    def join_log(self) -> None:
        for reader in self._readers:
            reader.join(5)

    def _keep_log(self, popen: subprocess.Popen[bytes]) -> None:
        assert popen.stdout is not None
        with self.log.open("ab", buffering=0) as log, popen.stdout as output:
            while data := os.read(output.fileno(), 65536):
                log.write(data)
