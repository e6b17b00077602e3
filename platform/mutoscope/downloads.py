"""Files that are fetched: whole or not at all, and over lines that break."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import httpx

from mutoscope.api_requests import RequestSpec
from mutoscope.errors import ConnectionFailed, FileError
from mutoscope.retries import backoff_delay

_PARTIAL_CONTENT = 206
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")

# Bytes so far, and in all where that is known.
OnBytes = Callable[[int, int | None], None]


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its name at the end, or goes away when something fails. Raises FileError.

    A pipe or a device, such as /dev/stdout, is written to as it is.
    """
    final = Path(path)
    try:
        if final.exists() and not final.is_file():
            with final.open("wb") as file:
                yield file
            return
        with _renamed_on_success(final) as file:
            yield file
    except OSError as error:
        raise FileError(f"Cannot write {final}: {error.strerror}.") from error


@contextmanager
def _renamed_on_success(final: Path) -> Iterator[IO[bytes]]:
    handle, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        # mkstemp's files are for their owner alone; this one gets what any new file gets.
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        partial.replace(final)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class Download:
    """How far a file has come, and what to ask for next. Sends nothing itself."""

    def __init__(self, spec: RequestSpec, file: IO[bytes], *, on_bytes: OnBytes | None, max_failures: int) -> None:
        self._spec, self._file, self._on_bytes = spec, file, on_bytes
        self._done = 0
        self._total: int | None = None
        self._version: str | None = None
        self._failures, self._max_failures = 0, max_failures
        self.is_complete = False

    def spec(self) -> RequestSpec:
        """For all of it, or for what is missing as long as it is still the same file."""
        # Lengths are those of the bytes as they are stored.
        headers = {"Accept-Encoding": "identity"}
        if self._done and self._version:
            headers |= {"Range": f"bytes={self._done}-", "If-Range": self._version}
        return replace(self._spec, headers={**self._spec.headers, **headers})

    def read_headers(self, response: httpx.Response) -> None:
        """Looks at the head of an answer."""
        part = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code == _PARTIAL_CONTENT and part and int(part[1]) == self._done:
            self._total = int(part[2])
            return
        if self._done:
            if not self._file.seekable():
                raise FileError("The line broke off, and what is written already cannot be taken back. Try again.")
            self._file.seek(0)
            self._file.truncate()
            self._done = 0
        length = response.headers.get("Content-Length")
        self._total = int(length) if length else None
        self._version = response.headers.get("ETag")

    def feed(self, piece: bytes) -> None:
        self._file.write(piece)
        self._done += len(piece)
        self._failures = 0
        if self._on_bytes:
            self._on_bytes(self._done, self._total)

    def finish(self) -> None:
        """The answer has ended in order. Raises ConnectionFailed when it was not all."""
        if self._total is not None and self._done != self._total:
            raise ConnectionFailed(f"{self._done} bytes came instead of {self._total}. Download it again.")
        self.is_complete = True

    def retry_delay(self, error: httpx.TransportError) -> float:
        """Seconds until the next try. Raises ConnectionFailed after so many without a byte."""
        self._failures += 1
        if self._failures > self._max_failures:
            raise ConnectionFailed("The download broke off again and again. Try it later.") from error
        return backoff_delay(self._failures)
