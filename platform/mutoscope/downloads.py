"""Downloads to files: atomic, and resumed after a lost connection."""

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

# Receives the number of bytes so far, and the total number if it is known.
OnBytes = Callable[[int, int | None], None]


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a temporary file that replaces `path` on success and is deleted on failure. Raises FileError.

    A pipe or a device, such as /dev/stdout, is written directly.
    """
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                yield file
            return
        with _renamed_on_success(target) as file:
            yield file
    except OSError as error:
        raise FileError(f"Cannot write {target}: {error.strerror}.") from error


@contextmanager
def _renamed_on_success(target: Path) -> Iterator[IO[bytes]]:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        # mkstemp creates the file with mode 0600. Give it the mode of an ordinary new file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Download:
    """State of one download: the bytes received and the next request. Does not send anything itself."""

    def __init__(self, spec: RequestSpec, file: IO[bytes], *, on_bytes: OnBytes | None, max_failures: int) -> None:
        self._spec, self._file, self._on_bytes = spec, file, on_bytes
        self._received = 0
        self._total: int | None = None
        self._etag: str | None = None
        self._failures, self._max_failures = 0, max_failures
        self.is_complete = False

    def spec(self) -> RequestSpec:
        """Returns the request for the whole file, or for the missing part if the file is still the same."""
        # Content-Length and Range have to count the bytes of the stored file, so no compression.
        headers = {"Accept-Encoding": "identity"}
        if self._received and self._etag:
            headers |= {"Range": f"bytes={self._received}-", "If-Range": self._etag}
        return replace(self._spec, headers={**self._spec.headers, **headers})

    def read_headers(self, response: httpx.Response) -> None:
        """Processes the headers of a response. Starts again at the first byte if it has the whole file."""
        content_range = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if (
            response.status_code == _PARTIAL_CONTENT
            and content_range is not None
            and int(content_range[1]) == self._received
        ):
            self._total = int(content_range[2])
            return
        if self._received:
            if not self._file.seekable():
                raise FileError("The connection was lost and the output cannot be rewound. Try again.")
            self._file.seek(0)
            self._file.truncate()
            self._received = 0
        length = response.headers.get("Content-Length")
        self._total = int(length) if length else None
        self._etag = response.headers.get("ETag")

    def feed(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._received += len(chunk)
        self._failures = 0
        if self._on_bytes:
            self._on_bytes(self._received, self._total)

    def finish(self) -> None:
        """Completes the download at the end of a response. Raises ConnectionFailed if bytes are missing."""
        if self._total is not None and self._received != self._total:
            raise ConnectionFailed(f"Received {self._received} of {self._total} bytes. Download the file again.")
        self.is_complete = True

    def retry_delay(self, error: httpx.TransportError) -> float:
        """Returns the seconds until the next attempt. Raises ConnectionFailed after `max_failures` without a byte."""
        self._failures += 1
        if self._failures > self._max_failures:
            raise ConnectionFailed(
                "The connection was lost repeatedly during the download. Try again later."
            ) from error
        return backoff_delay(self._failures)
