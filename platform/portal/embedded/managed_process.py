"""One supervised process: its output is read line by line, and it is restarted after a crash with growing delays."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from portal.embedded.console import Console
from portal.embedded.environment import ROOT
from portal.embedded.processes import kill_group, spawn

MIN_RESTART_DELAY_SECONDS = 1.0
MAX_RESTART_DELAY_SECONDS = 30.0
# A process that ran this long was stable: after its next crash the delay starts at the minimum again.
STABLE_MIN_AGE_SECONDS = 60.0


class ManagedProcess:
    """A child process that is restarted when it exits."""

    def __init__(self, name: str, argv: Sequence[str], *, console: Console, env: Mapping[str, str]) -> None:
        self.name = name
        self._argv = argv
        self._env = dict(env)
        self._console = console
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._next_start_at = 0.0
        self._restart_delay_seconds = MIN_RESTART_DELAY_SECONDS
        self._partial_line = b""

    def ensure_running(self) -> None:
        """Start the process when it is due; after an exit, log the cause and schedule the restart."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._handle_exit(code)
        if self._process is None and time.monotonic() >= self._next_start_at:
            # On a kill -9 of the portal its workers end at once too: the database stops, so they could not return their
            # jobs, which are recovered when their leases expire.
            self._process = spawn(
                self._argv,
                death_signal=signal.SIGKILL,
                output=subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._env},
                cwd=ROOT,
            )
            self._started_at = time.monotonic()
            os.set_blocking(self.output, False)

    @property
    def output(self) -> int:
        """The file descriptor of the output; -1 if the process does not run."""
        return self._process.stdout.fileno() if self._process and self._process.stdout else -1

    def relay(self) -> None:
        """Pass the lines that have arrived to the console."""
        try:
            while self.output >= 0 and (read := os.read(self.output, 65536)):
                *lines, self._partial_line = (self._partial_line + read).split(b"\n")
                for line in lines:
                    self._console.write_line(self.name, line.decode(errors="replace").rstrip())
        except BlockingIOError:
            return

    def terminate(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def has_exited(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """Kill the process and its remaining children."""
        if self._process is None:
            return
        kill_group(self._process)
        self._process.wait()
        self._reset()

    def _handle_exit(self, code: int) -> None:
        if time.monotonic() - self._started_at > STABLE_MIN_AGE_SECONDS:
            self._restart_delay_seconds = MIN_RESTART_DELAY_SECONDS
        self.kill()
        cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._console.write_line(self.name, f"exited with {cause}; restarting in {self._restart_delay_seconds:.0f} s")
        self._next_start_at = time.monotonic() + self._restart_delay_seconds
        self._restart_delay_seconds = min(2 * self._restart_delay_seconds, MAX_RESTART_DELAY_SECONDS)

    def _reset(self) -> None:
        self.relay()
        if self._partial_line:
            self._console.write_line(self.name, self._partial_line.decode(errors="replace"))
        if self._process and self._process.stdout:
            self._process.stdout.close()
        self._process, self._partial_line = None, b""
