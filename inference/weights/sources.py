"""Where weights are fetched from: what a source lists, and streams of its files that may start anywhere.

A hub is in `hub`, a bucket in `s3`. This module has the common part, and a folder that another machine filled.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from inference.weights.manifest import MANIFEST, Manifest
from inference.weights.selection import MAX_INDEX_BYTES

CHUNK_BYTES = 1 << 18
_MAX_MANIFEST_BYTES = 10_000_000


class SourceError(Exception):
    """A source cannot be read. The text is one reason, for a message. is_transient: whether a repeat may help."""

    def __init__(self, reason: str, *, is_transient: bool = False) -> None:
        super().__init__(reason.rstrip(". \n"))
        self.is_transient = is_transient


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a source. sha256: None if the source does not know it. version: changes with the content."""

    size: int
    sha256: str | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a source. identity: the same as long as the content is."""

    identity: str
    files: Mapping[str, RemoteFile]


class Source(ABC):
    """A place with a checkpoint."""

    @abstractmethod
    def list_files(self) -> Listing:
        """Return the files of the checkpoint. Raises SourceError."""

    @abstractmethod
    def open(self, path: str, offset: int) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """Return where the stream starts, which is `offset` or 0, and its chunks. Both raise SourceError."""

    def close(self) -> None:  # noqa: B027 (most sources have none)
        """Close connections."""

    def read(self, path: str, max_bytes: int = MAX_INDEX_BYTES) -> bytes:
        """Return the content of a small file. Raises SourceError."""
        content = b""
        with self.open(path, 0) as (_, chunks):
            for chunk in chunks:
                content += chunk
                if len(content) > max_bytes:
                    raise SourceError(f"{path} has more than {max_bytes} bytes")
        return content


class CopySource(Source):
    """A source that may be a copy of another machine's store, with the manifest of the fetch there."""

    @abstractmethod
    def list_copies(self) -> dict[str, RemoteFile]:
        """Return the files of the copy. Raises SourceError."""

    def list_files(self) -> Listing:
        files = self.list_copies()
        identity = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        manifest = self._manifest() if MANIFEST in files else None
        if manifest is not None:
            identity = manifest.identity
            files |= {
                path: replace(files[path], sha256=entry.sha256)
                for path, entry in manifest.files.items()
                if path in files
            }
        return Listing(identity, files)

    def _manifest(self) -> Manifest | None:
        try:
            return Manifest.model_validate_json(self.read(MANIFEST, _MAX_MANIFEST_BYTES))
        except ValueError:  # another program's file of this name
            return None


class FolderSource(CopySource):
    """A folder, such as a mounted disk or share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list_copies(self) -> dict[str, RemoteFile]:
        with _reading(self.folder):
            # `rglob` would not enter a component that is a link to a folder.
            paths = (*self.folder.glob("*"), *self.folder.glob("*/*"))
            found = {path.relative_to(self.folder).as_posix(): path.stat() for path in paths if path.is_file()}
        return {path: RemoteFile(stat.st_size, version=str(stat.st_mtime_ns)) for path, stat in found.items()}

    @contextmanager
    def open(self, path: str, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        with _reading(self.folder / path), (self.folder / path).open("rb") as file:
            file.seek(offset)
            yield offset, iter(lambda: file.read(CHUNK_BYTES), b"")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
