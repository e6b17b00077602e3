"""Load the checkpoint of a pipeline."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import GGUFQuantizationConfig
from transformers.utils.logging import disable_progress_bar

from inference.engines.diffusion_pipelines.options import PipelineOptions
from inference.engines.diffusion_pipelines.quantization import quantization_config
from inference.errors import ModelIncomplete
from inference.weights.selection import INDEX, parse_index


def load_pipeline(folder: Path, dtypes: dict[str, torch.dtype], options: PipelineOptions) -> Any:
    """Load the pipeline of a complete checkpoint into the memory of the host. Raises ModelIncomplete.

    dtypes: the precision of each network, and of the others as `default`.
    """
    quiet: Callable[[], None] = disable_progress_bar
    quiet()  # transformers and diffusers show progress bars, which overwrite the output of the caller
    diffusers.utils.logging.disable_progress_bar()
    index = parse_index((folder / INDEX).read_bytes())
    parts: dict[str, Any] = dict.fromkeys(index.keys() & options.unused) | {
        name: _load_gguf(folder, name, index.get(name), Path(file), dtypes["default"])
        for name, file in options.gguf.items()
    }
    quantization = quantization_config(index, options.quantization)
    with _loading(INDEX, str(folder)):
        pipeline: Any = getattr(diffusers, index["_class_name"]).from_pretrained(
            folder,
            dtype=dtypes,
            variant=options.variant,
            use_safetensors=True,
            local_files_only=True,
            quantization_config=quantization,
            **parts,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_network(network_class: Any, folder: Path, dtype: torch.dtype) -> Any:
    """Load a network that is not in the index of the checkpoint. Raises ModelIncomplete."""
    with _loading(str(folder), str(folder)):
        return network_class.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True)


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
