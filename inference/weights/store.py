"""The weights on this machine: found, fetched, verified and removed.

Several processes may use a store at once. Weights are changed under their lock, and the manifest is written last, so
that a reader sees complete weights or none.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from inference.errors import FetchFailed, ModelIncomplete, ModelNotFound
from inference.weights.fetching import Fetch, NoProgress, Progress
from inference.weights.hub import find_in_hub_cache
from inference.weights.manifest import MANIFEST, Manifest, size_of
from inference.weights.sources import SourceError
from inference.weights.spec import WeightsSpec
from inference.weights.status import State, WeightsStatus, known_hashes, select_in, status_in_place, status_of_fetch
from inference.weights.transfer import sha256_of


@dataclass(frozen=True, slots=True)
class WeightsStore:
    """folder: where fetched weights are. mirror: where repositories are fetched from instead of the hub, or "".

    A mirror is a folder or `s3://bucket/prefix` with `owner/name/…`, or the URL of a server that speaks the hub's
    protocol. It may be a copy of another store.
    """

    folder: Path
    mirror: str = ""

    @classmethod
    def from_environment(cls) -> Self:
        """Return the store for programs without the site's settings."""
        folder = os.environ.get("MODELS_DIR") or "~/.cache/mutoscope/models"
        return cls(Path(folder).expanduser(), os.environ.get("MODELS_MIRROR", ""))

    def status(self, spec: WeightsSpec) -> WeightsStatus:
        """Return what there is of these weights, by names and sizes alone. Raises ModelNotFound."""
        if spec.local_folder is not None:
            return status_in_place(spec.local_folder, spec)
        folder = self.folder / spec.store_path
        status = status_of_fetch(folder, spec)
        if not status.is_usable and not spec.bucket_url:
            cached = find_in_hub_cache(*spec.repository)
            if cached is not None and (in_cache := status_in_place(cached, spec)).is_usable:
                return in_cache
        return status

    def find_or_fetch(self, spec: WeightsSpec) -> Path:
        """Return the folder of the weights. The network is used only if something is missing.

        Raises ModelNotFound, ModelIncomplete or FetchFailed.
        """
        if spec.local_folder is not None:
            select_in(spec.local_folder, spec)
            return spec.local_folder
        status = self.status(spec)
        return status.folder if status.is_usable else self.fetch(spec).folder

    def fetch(self, spec: WeightsSpec, progress: Progress | None = None, *, repair: bool = False) -> WeightsStatus:
        """Fetch what is missing of the weights, and return their new status.

        repair: compare the hashes first, and fetch what differs again.
        Raises ModelNotFound, ModelIncomplete or FetchFailed.
        """
        progress = progress or NoProgress()
        if spec.local_folder is not None:
            select_in(spec.local_folder, spec)
        status = self.status(spec)
        if spec.local_folder is not None or (status.is_usable and not repair):
            return status
        folder = self.folder / spec.store_path
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _locked(folder, progress.wait):
                if repair:
                    _delete_damaged(folder)
                status = self.status(spec)  # another process may have fetched them meanwhile
                return status if status.is_usable else Fetch(spec, folder, self.mirror, progress).run()
        except SourceError as error:
            raise ModelNotFound(
                "%(repository)s is not a folder on this machine, is not installed and could not be downloaded: "
                "%(reason)s. Check the connection to the hub, or name a folder that holds it.",
                {"repository": spec.source, "reason": str(error)},
            ) from error
        except OSError as error:
            raise FetchFailed(
                "The weights cannot be written to %(folder)s: %(reason)s.",
                {"folder": str(folder), "reason": error.strerror or str(error)},
            ) from error

    def verify(self, spec: WeightsSpec) -> list[str]:
        """Return the files that are missing or whose content differs from what was fetched, by reading all of them.

        Raises ModelNotFound or ModelIncomplete if the weights are not there, or there is nothing to compare with.
        """
        status = self.status(spec)
        if status.state is State.MISSING:
            raise ModelNotFound("The weights %(source)s are not installed.", {"source": spec.source})
        hashes = known_hashes(status)
        if not hashes:
            raise ModelIncomplete(
                MANIFEST,
                "%(folder)s: %(reason)s. There are no checksums to compare with.",
                {"folder": str(status.folder), "reason": status.reason or "all files are there"},
            )
        damaged = [path for path, sha256 in hashes.items() if not _has_hash(status.folder / path, sha256)]
        if status.manifest and not damaged:
            with suppress(OSError):  # a store on a read-only disk
                status.manifest.model_copy(update={"verified_at": datetime.now(UTC)}).write(status.folder)
        return damaged

    def remove(self, spec: WeightsSpec) -> int:
        """Delete fetched weights, also those of an interrupted fetch, and return their bytes.

        Raises ModelNotFound if there are none, or they were not fetched by this store.
        """
        status = self.status(spec)
        folder = None if spec.local_folder else self.folder / spec.store_path
        if folder is None or not folder.is_dir():
            if status.state is State.IN_PLACE:
                raise ModelNotFound(
                    "The weights in %(folder)s were not fetched by Mutoscope. Delete them there.",
                    {"folder": str(status.folder)},
                )
            raise ModelNotFound("The weights %(source)s are not installed.", {"source": spec.source})
        with _locked(folder, lambda: None):
            size = sum(size_of(file) for file in folder.rglob("*") if file.is_file())
            (folder / MANIFEST).unlink(missing_ok=True)  # first: what is half deleted is not installed
            shutil.rmtree(folder)
        return size

    def installed(self) -> list[Manifest]:
        """Return the manifests of all weights in this store."""
        manifests = (Manifest.read(file.parent) for file in sorted(self.folder.glob(f"*/*/*/{MANIFEST}")))
        return [manifest for manifest in manifests if manifest is not None]


def use_store(store: WeightsStore) -> None:
    """Make the engines of this process find their weights in this store."""
    _current.append(store)


def current_store() -> WeightsStore:
    """Return the store of this process: that of `use_store`, else that of the environment."""
    return _current[-1] if _current else WeightsStore.from_environment()


_current: list[WeightsStore] = []


@contextmanager
def _locked(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a folder of the store. A process that is killed gives it back."""
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _has_hash(file: Path, sha256: str) -> bool:
    try:
        return sha256_of(file) == sha256
    except OSError:
        return False


def _delete_damaged(folder: Path) -> None:
    """Delete the fetched files whose hash differs."""
    if manifest := Manifest.read(folder):
        for path, entry in manifest.files.items():
            if not _has_hash(folder / path, entry.sha256):
                (folder / path).unlink(missing_ok=True)
