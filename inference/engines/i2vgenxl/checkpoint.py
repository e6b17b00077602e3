"""Find and check the files of a checkpoint before the weights are read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import ModelIncomplete, ModelNotFound

INDEX = "model_index.json"
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
HALF_VARIANT = "fp16"
_HUB_TIMEOUT_SECONDS = 10.0


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


def find_checkpoint(source: str, *, half: bool) -> Checkpoint:
    """Return the checkpoint in a folder, or in a hub repository, which is downloaded to the hub's cache.

    half: prefer weights stored in half precision, if there are any. Raises ModelNotFound or ModelIncomplete.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = _download(source, half=half)
    return Checkpoint(folder, choose_variants(_files_in(folder), source, half=half))


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


def _download(repository: str, *, half: bool) -> Path:
    """Return the repository's folder in the hub's cache. Downloads only the files that are read."""
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415 - not needed for a folder
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        # One request without retries: an unreachable hub is found out within seconds.
        files = HfApi().model_info(repository, timeout=_HUB_TIMEOUT_SECONDS).siblings or []
        available = {file.rfilename for file in files}
        variants = choose_variants(available, repository, half=half)
        allow_patterns = [
            *CONFIGS,
            *OPTIONAL,
            *(weights_file(component, variant) for component, variant in variants.items()),
        ]
        return Path(snapshot_download(repository, allow_patterns=allow_patterns))
    except HFValidationError as error:
        raise ModelNotFound(
            "'%(repository)s' is neither a folder on this machine nor the name of a hub repository.",
            {"repository": repository},
        ) from error
    except ModelIncomplete:
        raise
    except Exception as error:  # the hub's library lets errors of its HTTP library through, which are no OSError
        return _find_in_cache(repository, error, half=half)


def _find_in_cache(repository: str, error: Exception, *, half: bool) -> Path:
    """Return the folder of an earlier download, for when the hub is unreachable."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    try:
        # Without patterns, it would be incomplete without the files that are never downloaded.
        folder = Path(snapshot_download(repository, allow_patterns=list(CONFIGS), local_files_only=True))
        choose_variants(_files_in(folder), repository, half=half)
    except (LocalEntryNotFoundError, ModelIncomplete):
        raise ModelNotFound(
            "%(repository)s is not a folder on this machine, is not in the hub's cache and "
            "could not be downloaded: %(reason)s. Check the connection to the hub, or name a folder that holds it.",
            {"repository": repository, "reason": str(error).rstrip(". \n")},
        ) from error
    return folder
