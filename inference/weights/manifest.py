"""The manifest beside the weights: which files there are, their sizes and their hashes."""

import os
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

MANIFEST = "manifest.json"


class FileEntry(BaseModel):
    """A file of the weights as it was fetched."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a fetch wrote at its end.

    source, revision: as asked for. identity: the commit of a hub repository; of other sources, a hash of what they
    listed. available: the files of the source, of which `files` were fetched. verified_at: when all hashes were last
    compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    revision: str
    identity: str
    fetched_at: datetime
    verified_at: datetime
    available: list[str]
    files: dict[str, FileEntry]

    @property
    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.files.values())

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the manifest of a folder, or None without a valid one."""
        try:
            return cls.model_validate_json((folder / MANIFEST).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, folder: Path) -> None:
        """Write the manifest so that a crash leaves the old one or the new one."""
        temporary = folder / f"{MANIFEST}.new"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(self.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / MANIFEST)

    def damaged_files(self, folder: Path) -> list[str]:
        """Return the files that are missing or have another size, without reading them."""
        return [path for path, entry in self.files.items() if size_of(folder / path) != entry.size]


def size_of(file: Path) -> int:
    """Return the size of a file; -1 if there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return -1
