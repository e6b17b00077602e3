"""Which weights a model needs: their source, and what of it is read."""

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Self
from urllib.parse import quote

from inference.engines.registry import OPTIONS
from inference.errors import ModelNotFound
from inference.models.descriptor import ModelDescriptor
from inference.weights.hub import DEFAULT_REVISION
from inference.weights.s3 import SCHEME
from inference.weights.selection import WeightsSelection

_REPOSITORY = re.compile(r"(?P<name>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w./-]+))?")
# The folder of a bucket's weights where those of a repository have their revision.
_CURRENT = "current"


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """source: a folder, `owner/name`, `owner/name@revision` or `s3://bucket/prefix`. selection: what is read of it."""

    source: str
    selection: WeightsSelection

    @classmethod
    def of_model(cls, model: ModelDescriptor, source: str | None = None) -> Self | None:
        """Return what a model needs; None if it has no weights. source: instead of the model's own."""
        source, options = source or model.source, OPTIONS.get(model.engine)
        if source is None or options is None:
            return None
        module, _, name = options.partition(":")
        selection = getattr(import_module(module), name).parse(model.engine_options).weights_selection()
        return None if selection is None else cls(source, selection)

    @property
    def local_folder(self) -> Path | None:
        """The folder, if the source is one on this machine. It is used in place."""
        path = Path(self.source).expanduser()
        return path if path.is_absolute() or path.is_dir() else None

    @property
    def bucket_url(self) -> str | None:
        return self.source if self.source.startswith(SCHEME) else None

    @property
    def repository(self) -> tuple[str, str]:
        """Name and revision of the repository. Raises ModelNotFound if the source cannot be one."""
        match = _REPOSITORY.fullmatch(self.source)
        if match is None or ".." in self.source:
            raise ModelNotFound(
                "'%(repository)s' is neither a folder on this machine nor the name of a hub repository.",
                {"repository": self.source},
            )
        return match["name"], match["revision"] or DEFAULT_REVISION

    @property
    def store_path(self) -> Path:
        """The path inside a store, of three parts. Raises ModelNotFound."""
        if self.bucket_url:
            return Path("s3", quote(self.bucket_url.removeprefix(SCHEME).strip("/"), safe=""), _CURRENT)
        name, revision = self.repository
        owner, _, title = name.partition("/")
        return Path(owner, title, quote(revision, safe=""))
