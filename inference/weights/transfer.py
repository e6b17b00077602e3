"""Copy a file of a source to the disk: continues where an earlier copy stopped, and compares size and hash."""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inference.errors import FetchFailed
from inference.weights.manifest import FileEntry, size_of
from inference.weights.sources import RemoteFile, Source, SourceError

# Pauses before the next try after a broken connection. Bytes that arrive start the count again.
_RETRY_DELAYS_SECONDS = (0.2, 1.0, 2.0, 4.0, 8.0)

OnBytes = Callable[[int], None]
"""`on_bytes(count)` is called as bytes arrive; with a negative count if they have to be fetched again."""


def fetch_file(source: Source, path: str, remote: RemoteFile, partial: Path, on_bytes: OnBytes) -> FileEntry:
    """Fetch a file to `partial`, which may have its beginning, and return its size and hash.

    Raises SourceError or FetchFailed; `partial` then has what the next call continues with, unless it was wrong.
    """
    partial.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while (offset := max(0, size_of(partial))) < remote.size or not partial.exists():
        try:
            with source.open(path, offset) as (start, chunks), _DiskFile(partial) as file:
                if start < offset:  # the source sends the file from its beginning
                    file.truncate()
                    on_bytes(-offset)
                for chunk in _bounded(chunks, remote.size - start):
                    file.write(chunk)
                    on_bytes(len(chunk))
        except SourceError as error:
            failures = 0 if size_of(partial) > offset else failures + 1
            if not error.is_transient or failures > len(_RETRY_DELAYS_SECONDS):
                raise
        else:
            failures = 0 if size_of(partial) > offset else failures + 1
            if failures > len(_RETRY_DELAYS_SECONDS):
                raise SourceError(f"{path} ends after {size_of(partial)} of {remote.size} bytes")
        if failures:
            time.sleep(_RETRY_DELAYS_SECONDS[failures - 1])
    entry = FileEntry(size=size_of(partial), sha256=sha256_of(partial))
    if entry.size != remote.size or remote.sha256 not in {None, entry.sha256}:
        partial.unlink()
        on_bytes(-entry.size)
        raise FetchFailed(
            "%(file)s arrived with other content than its source lists, and was removed. Repeat the command.",
            {"file": path},
        )
    return entry


def sha256_of(file: Path) -> str:
    """Return the hash of a file in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _bounded(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Return at most so many bytes: a source that sends more is found out by the hash, before the disk is full."""
    for chunk in chunks:
        yield chunk[:count]
        count -= len(chunk)
        if count <= 0:
            return


class _DiskFile:
    """A file to append to, whose errors are not mistaken for those of the source."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "_DiskFile":
        try:
            self._file = self._path.open("ab")
        except OSError as error:
            raise self._failure(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failure(error) from error

    def truncate(self) -> None:
        self._file.truncate(0)

    def _failure(self, error: OSError) -> FetchFailed:
        return FetchFailed(
            "%(file)s cannot be written: %(reason)s. What has arrived is kept: make space and repeat the command.",
            {"file": str(self._path), "reason": error.strerror or str(error)},
        )
