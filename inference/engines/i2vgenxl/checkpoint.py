"""Check the files of a checkpoint before the weights are read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.engines.i2vgenxl.options import HALF_VARIANT
from inference.errors import ModelIncomplete
from inference.weights.selection import INDEX

CONFIGS = (
    INDEX,
    "feature_extractor/preprocessor_config.json",
    "image_encoder/config.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    "vae/config.json",
)
OPTIONAL = ("tokenizer/special_tokens_map.json", "tokenizer/tokenizer_config.json")
WEIGHTS = {
    "image_encoder": "model",
    "text_encoder": "model",
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint folder. variants: network name to the variant of its weights file, or None."""

    folder: Path
    variants: dict[str, str | None]

    def read_json(self, file: str) -> dict[str, Any]:
        """Read a configuration file. Raises ModelIncomplete if it is not JSON."""
        try:
            content: dict[str, Any] = json.loads((self.folder / file).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelIncomplete(
                file, "%(file)s of the checkpoint is not valid JSON: %(reason)s", {"file": file, "reason": str(error)}
            ) from error
        return content


def open_checkpoint(folder: Path, *, half: bool) -> Checkpoint:
    """Return the checkpoint in a folder.

    half: prefer weights stored in half precision, if there are any. Raises ModelIncomplete.
    """
    return Checkpoint(folder, choose_variants(_files_in(folder), str(folder), half=half))


def _files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob("**/*") if path.is_file()}


def choose_variants(available: set[str], source: str, *, half: bool) -> dict[str, str | None]:
    """Return the variant of the weights to load for each network. Raises ModelIncomplete for the first missing file.

    available: paths of the checkpoint's files. source: name of the checkpoint, for the error.
    """
    for file in CONFIGS:
        if file not in available:
            raise ModelIncomplete(file, "The checkpoint %(source)s has no %(file)s.", {"source": source, "file": file})
    return {component: _choose_variant(available, source, component, half=half) for component in WEIGHTS}


def weights_file(component: str, variant: str | None) -> str:
    """Return the path of a network's weights inside the checkpoint."""
    return f"{component}/{WEIGHTS[component]}{f'.{variant}' if variant else ''}.safetensors"


def _choose_variant(available: set[str], source: str, component: str, *, half: bool) -> str | None:
    full = weights_file(component, None)
    for variant in (HALF_VARIANT, None) if half else (None, HALF_VARIANT):
        if weights_file(component, variant) in available:
            return variant
    raise ModelIncomplete(
        full,
        "The checkpoint %(source)s has neither %(file)s nor its %(variant)s variant.",
        {"source": source, "file": full, "variant": HALF_VARIANT},
    )
