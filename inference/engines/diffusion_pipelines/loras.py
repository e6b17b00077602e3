"""Add LoRAs to the networks of a pipeline, and remove them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import peft  # noqa: F401 (LoRAs need it; an environment without it is found out when the engine is imported)
from safetensors import SafetensorError

from inference.engines.diffusion_pipelines.options import DenoiserName
from inference.errors import ModelIncomplete, RequestError
from inference.generation import LoraWeight


class PipelineLoras:
    """The LoRAs of a loaded pipeline. They stay until a video wants others, since reading them takes seconds.

    files: name of the LoRA to the file of each network that it changes.
    """

    def __init__(self, pipeline: Any, files: Mapping[str, Mapping[DenoiserName, str]]) -> None:
        self._pipeline, self._files = pipeline, files
        self._active: tuple[LoraWeight, ...] = ()

    def is_active(self, loras: tuple[LoraWeight, ...]) -> bool:
        """Return whether exactly these LoRAs are active."""
        return self._active == loras

    def check(self, loras: tuple[LoraWeight, ...]) -> None:
        """Raise RequestError for a LoRA that the model does not have."""
        for lora in loras:
            if lora.name not in self._files:
                raise RequestError(
                    "loras",
                    "The model has no LoRA %(name)s. Choose one of: %(known)s.",
                    {"name": lora.name, "known": ", ".join(sorted(self._files)) or "-"},
                )

    def activate(self, loras: tuple[LoraWeight, ...]) -> None:
        """Replace the active LoRAs. No network may be offloaded meanwhile. Raises ModelIncomplete."""
        self._deactivate()
        try:
            weights: dict[DenoiserName, dict[str, float]] = {}
            for number, lora in enumerate(loras):
                for network, file in self._files[lora.name].items():
                    adapter = f"lora_{number}"  # torch allows no dot in it, and names of LoRAs have some
                    self._load(network, Path(file), adapter)
                    weights.setdefault(network, {})[adapter] = lora.scale
            for network, scales in weights.items():
                getattr(self._pipeline, network).set_adapters(list(scales), list(scales.values()))
        except BaseException:
            self._deactivate()
            raise
        self._active = loras

    def _deactivate(self) -> None:
        self._active = ()
        self._pipeline.unload_lora_weights()

    def _load(self, network: DenoiserName, file: Path, adapter: str) -> None:
        model = getattr(self._pipeline, network, None)
        if model is None:
            raise ModelIncomplete(
                str(file),
                "The model has no %(network)s for the LoRA %(file)s.",
                {"network": network, "file": str(file)},
            )
        try:
            self._pipeline.load_lora_weights(
                str(file.parent),
                weight_name=file.name,
                adapter_name=adapter,
                use_safetensors=True,
                local_files_only=True,
                load_into_transformer_2=network == "transformer_2",
            )
        except (OSError, ValueError, KeyError, SafetensorError, RuntimeError) as error:
            # Only a LoRA for another size of the model is the fault of the file; torch also raises what devices do.
            if isinstance(error, RuntimeError) and "size mismatch" not in str(error):
                raise
            raise ModelIncomplete(
                str(file),
                "The LoRA %(file)s cannot be loaded: %(reason)s",
                {"file": str(file), "reason": str(error)},
            ) from error
        if adapter not in getattr(model, "peft_config", {}):  # diffusers only logs this
            raise ModelIncomplete(str(file), "The LoRA %(file)s fits no layer of the model.", {"file": str(file)})
