"""What there is of the weights of a model on this machine, by names and sizes."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from inference.errors import ModelIncomplete, ModelNotFound
from inference.weights.manifest import Manifest, size_of
from inference.weights.selection import INDEX, parse_index
from inference.weights.spec import WeightsSpec

_SHA256 = re.compile(r"[0-9a-f]{64}")


class State(StrEnum):
    """What there is of the weights of a model on this machine."""

    INSTALLED = "installed"
    """All files are there, with the sizes that were fetched."""
    IN_PLACE = "in place"
    """All files are there, in a folder or in the hub's cache, which Mutoscope did not fetch."""
    INCOMPLETE = "incomplete"
    """A fetch was interrupted, or files are missing or have another size."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """state, and where the weights are. manifest: that of a fetch, if there is one. reason: what is wrong with them."""

    state: State
    folder: Path
    manifest: Manifest | None = None
    size_bytes: int = 0
    reason: str = ""

    @property
    def is_usable(self) -> bool:
        return self.state in {State.INSTALLED, State.IN_PLACE}


def status_of_fetch(folder: Path, spec: WeightsSpec) -> WeightsStatus:
    manifest = Manifest.read(folder)
    if manifest is None:
        return WeightsStatus(State.INCOMPLETE if folder.is_dir() else State.MISSING, folder)
    try:
        needed = spec.selection.select(manifest.available, _read_index(folder, spec), spec.source)
    except ModelIncomplete as error:
        return WeightsStatus(State.INCOMPLETE, folder, manifest, manifest.size_bytes, error.message)
    damaged = [path for path in needed if path not in manifest.files] + manifest.damaged_files(folder)
    state = State.INCOMPLETE if damaged else State.INSTALLED
    return WeightsStatus(state, folder, manifest, manifest.size_bytes, ", ".join(damaged))


def status_in_place(folder: Path, spec: WeightsSpec) -> WeightsStatus:
    try:
        selected = select_in(folder, spec)
    except ModelNotFound as error:
        return WeightsStatus(State.MISSING, folder, reason=error.message)
    except ModelIncomplete as error:
        return WeightsStatus(State.INCOMPLETE, folder, reason=error.message)
    size = sum(size_of(folder / path) for path in selected)
    return WeightsStatus(State.IN_PLACE, folder, Manifest.read(folder), size)


def select_in(folder: Path, spec: WeightsSpec) -> list[str]:
    """Return the files of a folder that are read. Raises ModelNotFound or ModelIncomplete."""
    if not folder.is_dir():
        raise ModelNotFound(
            "'%(repository)s' is neither a folder on this machine nor the name of a hub repository.",
            {"repository": spec.source},
        )
    # `rglob` would not enter a component that is a link to a folder.
    paths = (*folder.glob("*"), *folder.glob("*/*"))
    available = {path.relative_to(folder).as_posix() for path in paths if path.is_file()}
    selected = spec.selection.select(available, _read_index(folder, spec), spec.source)
    manifest = Manifest.read(folder)  # of the store that the folder is a copy of
    damaged = set(manifest.damaged_files(folder)).intersection(selected) if manifest else ()
    for file in damaged:
        raise ModelIncomplete(
            file, "%(file)s of the checkpoint %(source)s is truncated.", {"file": file, "source": spec.source}
        )
    return selected


def _read_index(folder: Path, spec: WeightsSpec) -> dict[str, Any]:
    try:
        return parse_index((folder / INDEX).read_bytes())
    except OSError as error:
        raise ModelIncomplete(
            INDEX, "The checkpoint %(source)s has no %(file)s.", {"source": spec.source, "file": INDEX}
        ) from error


def known_hashes(status: WeightsStatus) -> dict[str, str]:
    """Return the hash of each file: of the manifest, or of the hub's cache, which names large files by their hash."""
    if status.manifest is not None:
        return {path: entry.sha256 for path, entry in status.manifest.files.items()}
    links = (path for path in status.folder.rglob("*") if path.is_symlink())
    names = {path.relative_to(status.folder).as_posix(): path.resolve().name for path in links}
    return {path: name for path, name in names.items() if _SHA256.fullmatch(name)}
