"""Runs the command `mutoscope` as a user does: in a process with its own home folder, with or without a terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from django.conf import settings

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Shell:
    """Runs the command in `folder`, with `variables` in its environment."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        # A background job of a shell ignores SIGINT, and its child processes would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._started: list[subprocess.Popen[Any]] = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(Path(settings.ROOT) / "platform"),
            "PYTHONSAFEPATH": "1",
            "LANG": "C.UTF-8",
            **variables,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.kill()
            process.communicate()

    def run(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs the command without a terminal. Checks that it prints no traceback, no colors and not the key."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options}
        if "input" in options:
            del options["stdin"]
        process: subprocess.CompletedProcess[str] = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
            **options,
        )
        self.check(process.stderr)
        self.check(process.stdout or "")
        assert "\x1b" not in (process.stdout or "") + process.stderr
        return process

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Starts the command without a terminal."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def terminal(self, *arguments: object, **variables: str) -> "Terminal":
        """Starts the command in a terminal with true color."""
        environment = {**self.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor", **variables}
        terminal = Terminal(self.command(*arguments), self.folder, environment)
        self._started.append(terminal.process)
        return terminal

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "mutoscope", *map(str, arguments)]

    def check(self, output: str) -> None:
        """Checks that the output has no traceback and not the key."""
        assert "Traceback" not in output, output
        key = self.environment.get("MUTOSCOPE_API_KEY", "")
        assert not key or key not in output


class Terminal:
    """A process in a pseudo terminal of 30 lines and 100 columns."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.raw = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        # The process gets its own session with this controlling terminal, which turns a typed Ctrl-C into SIGINT.
        self.process = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL, *command],
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """The output without escape sequences."""
        return _ESCAPES.sub("", self.raw)

    def wait_for(self, condition: Callable[["Terminal"], Any], seconds: float = 120) -> None:
        """Reads output until the condition is true."""
        deadline = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < deadline, self.text
            assert self._read(), self.text

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def finish(self) -> int:
        """Reads the rest of the output, checks it for a traceback and returns the exit code."""
        while self._read():
            pass
        os.close(self._master)
        code = self.process.wait(60)
        assert "Traceback" not in self.text, self.text
        return code

    def _read(self) -> bool:
        """Reads available output. Returns False at the end of the output."""
        if not select.select([self._master], [], [], 0.2)[0]:
            return True
        try:
            chunk = os.read(self._master, 1 << 16)
        except OSError:  # EIO: the last process has closed the terminal
            return False
        self.raw += chunk.decode("utf-8", "replace")
        return bool(chunk)


_IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
