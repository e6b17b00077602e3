"""The command `mutoscope` as a user starts it: a process of its own, with a home of its own, in a terminal or not."""

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
from typing import Any

from django.conf import settings

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Shell:
    """Starts the command in `folder`; `variables` are its environment."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        # Tests that run in the background are deaf to Ctrl-C, and so would be what they start.
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

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.kill()
            process.communicate()

    def run(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Until it ends, without a terminal. No traceback ever, no colours, and never a key."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options}
        if "input" in options:
            del options["stdin"]
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
            **options,
        )
        self.check(done.stderr)
        self.check(done.stdout or "")
        assert "\x1b" not in (done.stdout or "") + done.stderr
        return done

    def start(self, *arguments: object) -> subprocess.Popen[str]:
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
        """In a terminal with true colour."""
        environment = {**self.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor", **variables}
        terminal = Terminal(self.command(*arguments), self.folder, environment)
        self._started.append(terminal.process)
        return terminal

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "mutoscope", *map(str, arguments)]

    def check(self, said: str) -> None:
        assert "Traceback" not in said, said
        key = self.environment.get("MUTOSCOPE_API_KEY", "")
        assert not key or key not in said


class Terminal:
    """A process in a pseudo terminal of 30 lines and 100 columns."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.raw = ""
        own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self._own = own
        # A session of its own, whose terminal this is: Ctrl-C is a character that it turns into a signal.
        self.process = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL, *command],
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    @property
    def text(self) -> str:
        """Without what steers the terminal."""
        return _ESCAPES.sub("", self.raw)

    def wait_for(self, condition: Callable[["Terminal"], Any], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < end, self.text
            assert self._read(), self.text

    def type(self, keys: str) -> None:
        os.write(self._own, keys.encode())

    def end(self) -> int:
        """Its exit code."""
        while self._read():
            pass
        os.close(self._own)
        code = self.process.wait(60)
        assert "Traceback" not in self.text, self.text
        return code

    def _read(self) -> bool:
        """Whether it may say more."""
        if not select.select([self._own], [], [], 0.2)[0]:
            return True
        try:
            piece = os.read(self._own, 1 << 16)
        except OSError:  # its last process has closed it
            return False
        self.raw += piece.decode("utf-8", "replace")
        return bool(piece)


_IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
