"""One fetch of weights from their source to a folder of the store, whose lock is held."""

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from inference.errors import FetchFailed, ModelIncomplete
from inference.weights.hub import HubSource
from inference.weights.manifest import MANIFEST, FileEntry, Manifest, size_of
from inference.weights.s3 import SCHEME, S3Source
from inference.weights.selection import INDEX, parse_index
from inference.weights.sources import FolderSource, Listing, Source, SourceError
from inference.weights.spec import WeightsSpec
from inference.weights.status import WeightsStatus, status_of_fetch
from inference.weights.transfer import fetch_file, sha256_of

# Files that are being fetched, and which content of the source they belong to.
_PARTIAL = ".partial"
_IDENTITY = "identity"


class Progress(Protocol):
    """Follows a fetch."""

    def wait(self) -> None:
        """Another process is fetching the same weights; wait for it."""

    def start(self, total_bytes: int, present_bytes: int) -> None:
        """Files of this size are needed, of which a part is there."""

    def advance(self, count: int) -> None:
        """Bytes have arrived, or have to be fetched again."""


class NoProgress:
    """Says nothing."""

    def wait(self) -> None: ...

    def start(self, total_bytes: int, present_bytes: int) -> None: ...

    def advance(self, count: int) -> None: ...


class Fetch:
    """One fetch. mirror: that of the store."""

    def __init__(self, spec: WeightsSpec, folder: Path, mirror: str, progress: Progress) -> None:
        self._spec, self._folder, self._mirror, self._progress = spec, folder, mirror, progress
        self._partial = folder / _PARTIAL
        # What an earlier fetch of the same content has left: files with a manifest, or files without one.
        self._known: dict[str, FileEntry] = {}
        self._is_resumed = False

    def run(self) -> WeightsStatus:
        """Fetch what is missing. Raises SourceError, ModelIncomplete or FetchFailed."""
        source, listing = self._open_source()
        with closing(source):
            return self._fetch_from(source, listing)

    def _fetch_from(self, source: Source, listing: Listing) -> WeightsStatus:
        if INDEX not in listing.files:
            raise ModelIncomplete(
                INDEX, "The checkpoint %(source)s has no %(file)s.", {"source": self._spec.source, "file": INDEX}
            )
        index = parse_index(source.read(INDEX))
        needed = self._spec.selection.select(listing.files.keys(), index, self._spec.source)
        self._prepare_folder(listing.identity)
        total = sum(listing.files[path].size for path in needed)
        present = sum(self._present_bytes(path, listing.files[path].size) for path in needed)
        self._check_space(total - present)
        self._progress.start(total, present)
        files = {path: self._fetch_one(source, path, listing) for path in needed}
        manifest = Manifest(
            source=self._spec.source,
            revision=self._spec.store_path.name,
            identity=listing.identity,
            fetched_at=datetime.now(UTC),
            verified_at=datetime.now(UTC),
            available=sorted(listing.files),
            files={**self._known, **files},
        )
        manifest.write(self._folder)
        shutil.rmtree(self._partial, ignore_errors=True)
        return status_of_fetch(self._folder, self._spec)

    def _open_source(self) -> tuple[Source, Listing]:
        """Return where the weights are fetched from, with its files."""
        spec, mirror = self._spec, self._mirror.rstrip("/")
        if spec.bucket_url:
            bucket = S3Source(spec.bucket_url)
            return bucket, bucket.list_files()
        name, revision = spec.repository
        if not mirror or mirror.startswith(("http://", "https://")):
            hub = HubSource(name, revision, mirror)
            return hub, hub.list_files()
        # A copy of a store has a folder for each revision; a clone of the repository has none.
        for path in (f"{mirror}/{spec.store_path}", f"{mirror}/{name}"):
            source = S3Source(path) if path.startswith(SCHEME) else FolderSource(Path(path))
            listing = source.list_files()
            if INDEX in listing.files:
                return source, listing
        raise SourceError(f"the mirror {mirror} has no {name} with a {INDEX}")

    def _prepare_folder(self, identity: str) -> None:
        """Find out what the folder has of this content. What it has of another one is compared by hash, or deleted."""
        manifest, marker = Manifest.read(self._folder), self._partial / _IDENTITY
        if manifest is not None and manifest.identity == identity:
            self._known = manifest.files
        else:
            (self._folder / MANIFEST).unlink(missing_ok=True)
        self._is_resumed = marker.is_file() and marker.read_text(encoding="utf-8") == identity
        if not self._is_resumed:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
            marker.write_text(identity, encoding="utf-8")

    def _present_bytes(self, path: str, size: int) -> int:
        if size_of(self._folder / path) == size:
            return size
        return min(size, max(0, size_of(self._partial / path)))

    def _check_space(self, needed_bytes: int) -> None:
        free_bytes = shutil.disk_usage(self._folder).free
        if needed_bytes > free_bytes:
            raise FetchFailed(
                "%(source)s needs %(needed)s more, but %(folder)s has %(free)s free. "
                "Make space there, or set MODELS_DIR to a folder on a larger disk.",
                {
                    "source": self._spec.source,
                    "needed": format_size(needed_bytes),
                    "folder": str(self._folder),
                    "free": format_size(free_bytes),
                },
            )

    def _fetch_one(self, source: Source, path: str, listing: Listing) -> FileEntry:
        """Put a file into the folder, unless it is there, and return its size and hash."""
        remote, final = listing.files[path], self._folder / path
        if size_of(final) == remote.size:
            if path in self._known:
                return self._known[path]
            sha256 = sha256_of(final)
            if sha256 == remote.sha256 or (remote.sha256 is None and self._is_resumed):
                return FileEntry(size=remote.size, sha256=sha256)
            final.unlink()
            self._progress.advance(-remote.size)
        entry = fetch_file(source, path, remote, self._partial / path, self._progress.advance)
        final.parent.mkdir(parents=True, exist_ok=True)
        (self._partial / path).replace(final)
        return entry


def format_size(size_bytes: int) -> str:
    """Return a size for people, such as 34.2 GB."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.1f} MB"
