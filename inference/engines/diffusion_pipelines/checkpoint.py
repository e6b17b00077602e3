"""Find the checkpoint of a pipeline, and load it."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import GGUFQuantizationConfig
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HFValidationError
from transformers.utils.logging import disable_progress_bar

from inference.engines.diffusion_pipelines.options import PipelineOptions
from inference.errors import ModelIncomplete, ModelNotFound

INDEX = "model_index.json"
_HUB_TIMEOUT_SECONDS = 10.0


def find_checkpoint(source: str, classes: Collection[str], options: PipelineOptions) -> Path:
    """Return the folder of a checkpoint: a folder, or a hub repository, which is downloaded to the hub's cache.

    classes: the names of the pipelines that the engine runs. Nothing but the index of another pipeline is downloaded.
    Raises ModelNotFound or ModelIncomplete.
    """
    folder = Path(source)
    if folder.is_dir():
        _check_class(folder / INDEX, source, classes)
        return folder
    if options.local_files_only:
        return _find_in_cache(source, classes, options, "the option local_files_only forbids to download it")
    try:
        return _find_in_hub(source, classes, options, local_files_only=False)
    except HFValidationError as error:
        raise ModelNotFound(
            "'%(repository)s' is neither a folder on this machine nor the name of a hub repository.",
            {"repository": source},
        ) from error
    except Exception as error:  # the hub's library lets errors of its HTTP library through, which are no OSError
        return _find_in_cache(source, classes, options, str(error))


def load_pipeline(folder: Path, dtypes: dict[str, torch.dtype], options: PipelineOptions) -> Any:
    """Load a pipeline of `find_checkpoint` into the memory of the host. Raises ModelIncomplete.

    dtypes: the precision of each network, and of the others as `default`.
    """
    quiet: Callable[[], None] = disable_progress_bar
    quiet()  # transformers and diffusers show progress bars, which overwrite the output of the caller
    diffusers.utils.logging.disable_progress_bar()
    index = _read_index(folder / INDEX, str(folder))
    denoisers = {
        name: _load_gguf(folder, name, index.get(name), Path(file), dtypes["default"])
        for name, file in options.gguf.items()
    }
    with _loading(INDEX, str(folder)):
        pipeline: Any = getattr(diffusers, index["_class_name"]).from_pretrained(
            folder, dtype=dtypes, variant=options.variant, use_safetensors=True, local_files_only=True, **denoisers
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _load_gguf(folder: Path, name: str, entry: list[str | None] | None, file: Path, dtype: torch.dtype) -> Any:
    """Load a network from a GGUF file. It stays quantized; each layer is converted to the precision when it runs.

    entry: library and class of the network in the index of the checkpoint.
    """
    if not entry or entry[1] is None:
        raise ModelIncomplete(
            INDEX, "The checkpoint has no %(network)s for %(file)s.", {"network": name, "file": str(file)}
        )
    quantization: Any = GGUFQuantizationConfig(compute_dtype=dtype)
    with _loading(str(file), str(file)):
        return getattr(diffusers, entry[1]).from_single_file(
            str(file),
            config=str(folder),
            subfolder=name,
            quantization_config=quantization,
            dtype=dtype,
            local_files_only=True,
        )


@contextmanager
def _loading(file: str, source: str) -> Iterator[None]:
    """Translate exceptions of a loader to ModelIncomplete for `file`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # diffusers and transformers raise many classes for a damaged file
        raise ModelIncomplete(
            file, "%(source)s cannot be loaded: %(reason)s", {"source": source, "reason": str(error)}
        ) from error


def _find_in_hub(source: str, classes: Collection[str], options: PipelineOptions, *, local_files_only: bool) -> Path:
    if not local_files_only:
        # One request without retries: an unreachable hub is found out within seconds.
        HfApi().model_info(source, revision=options.revision, timeout=_HUB_TIMEOUT_SECONDS)
    index = hf_hub_download(source, INDEX, revision=options.revision, local_files_only=local_files_only)
    class_name = _check_class(Path(index), source, classes)
    for name in options.gguf:
        hf_hub_download(source, f"{name}/config.json", revision=options.revision, local_files_only=local_files_only)
    # DiffusionPipeline itself would also download optional networks that are passed.
    download: Callable[..., str] = getattr(diffusers, class_name).download
    folder = download(
        source,
        revision=options.revision,
        variant=options.variant,
        use_safetensors=True,
        local_files_only=local_files_only,
        **dict.fromkeys(map(str, options.gguf), True),  # networks that are passed are not downloaded
    )
    return Path(folder)


def _find_in_cache(source: str, classes: Collection[str], options: PipelineOptions, reason: str) -> Path:
    """Return the folder of an earlier download, for when the hub is unreachable."""
    with suppress(OSError, ValueError):  # not there, or incomplete
        return _find_in_hub(source, classes, options, local_files_only=True)
    raise ModelNotFound(
        "%(repository)s is not a folder on this machine, is not in the hub's cache and "
        "could not be downloaded: %(reason)s. Check the connection to the hub, or name a folder that holds it.",
        {"repository": source, "reason": reason.rstrip(". \n")},
    )


def _check_class(index: Path, source: str, classes: Collection[str]) -> str:
    """Return the name of the pipeline's class."""
    name = str(_read_index(index, source).get("_class_name"))
    if name not in classes:
        raise ModelIncomplete(
            INDEX,
            "The checkpoint %(source)s is for %(found)s, but this engine runs %(expected)s.",
            {"source": source, "found": name, "expected": " or ".join(sorted(classes))},
        )
    return name


def _read_index(index: Path, source: str) -> dict[str, Any]:
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelIncomplete(
            INDEX, "The checkpoint %(source)s has no %(file)s.", {"source": source, "file": INDEX}
        ) from error
    except ValueError as error:
        raise ModelIncomplete(
            INDEX, "%(file)s of the checkpoint is not valid JSON: %(reason)s", {"file": INDEX, "reason": str(error)}
        ) from error
    return content if isinstance(content, dict) else {}
