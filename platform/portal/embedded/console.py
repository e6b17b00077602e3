"""The log of `manage.py up`: each line starts with the name of the process that wrote it."""

import os
import sys
from pathlib import Path
from typing import TextIO

_NAME_WIDTH = 18
_COLORS = (36, 32, 35, 33, 34, 96, 92, 95)
_MAX_LOG_BYTES = 10_000_000


def rotate_if_large(file: Path) -> None:
    """Rename a large log to `*.old.log`, so that a new one is started."""
    if file.exists() and file.stat().st_size > _MAX_LOG_BYTES:
        file.replace(file.with_suffix(".old.log"))


class Console:
    """Writes lines to the terminal and to a file; if `quiet`, only to the file."""

    def __init__(self, file: Path, *, quiet: bool = False) -> None:
        self.path = file
        self.quiet = quiet
        self._file = self._open()
        self._use_color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._names: list[str] = []

    def write_line(self, name: str, text: str) -> None:
        self._write_to_file(f"{name:<{_NAME_WIDTH}}| {text}")
        if self.quiet:
            return
        label = f"{name:<{_NAME_WIDTH}}|"
        if self._use_color:
            label = f"\033[{self._color(name)}m{label}\033[0m"
        self._print(f"{label} {text}")

    def message(self, text: str) -> None:
        """Show a message of the portal itself, even if the console is quiet."""
        self._write_to_file(text)
        self._print(text)

    def last_lines(self, count: int) -> str:
        return "\n".join(self.path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])

    def _open(self) -> TextIO:
        rotate_if_large(self.path)
        return self.path.open("a", encoding="utf-8", buffering=1)

    def _write_to_file(self, text: str) -> None:
        if self._file.tell() > _MAX_LOG_BYTES:
            self._file.close()
            self._file = self._open()
        self._file.write(f"{text}\n")

    def _color(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return _COLORS[self._names.index(name) % len(_COLORS)]

    def _print(self, text: str) -> None:
        try:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        except OSError:
            self.quiet = True  # the terminal was closed; the file stays
