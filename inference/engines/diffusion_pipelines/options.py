"""The options of an engine that runs a pipeline. This imports no torch, so the site can check them too."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import ValidationInfo, field_validator

from inference.engines.options import EngineOptions
from inference.weights.selection import WeightsSelection


class Offload(StrEnum):
    """Which parts of a pipeline wait in the memory of the host, in the order of the GPU memory that they leave."""

    NONE = "none"
    MODEL = "model_offload"
    """All networks but the one that runs."""
    GROUP = "group_offload"
    """All layers but those that run; with CUDA the next ones are copied meanwhile."""
    SEQUENTIAL = "sequential"
    """All layers but the one that runs. The slowest."""


DenoiserName = Literal["transformer", "transformer_2"]
"""The network that denoises. In models with two experts, `transformer_2` makes the steps with little noise."""


QuantizedName = Literal["transformer", "transformer_2", "text_encoder"]
Precision = Literal["int8", "float8"]
"""How the weights of a network are stored: one byte each, which is converted when a layer runs."""


class PipelineOptions(EngineOptions):
    """How to load a pipeline and run it.

    dtype: precision of the networks; `auto` is bfloat16 on CUDA and float32 on the CPU. variant: the variant of the
    weights files, such as fp16, for networks that have one. gguf: files with quantized weights, in place of those of
    the checkpoint, which are not fetched then. quantization: networks whose weights are quantized when they are loaded.
    loras: name of a LoRA to the file for each network that it changes. vae_slicing, vae_tiling: decode videos and parts
    of frames one after the other.
    """

    pipelines: ClassVar[tuple[str, ...]]
    """Names of the classes in diffusers that the index of a checkpoint may name."""
    unused: ClassVar[frozenset[str]] = frozenset()
    """Optional components of a checkpoint that are neither fetched nor loaded."""

    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    variant: str | None = None
    offload: Offload = Offload.NONE
    gguf: Mapping[DenoiserName, str] = {}
    quantization: Mapping[QuantizedName, Precision] = {}
    vae_slicing: bool = False
    vae_tiling: bool = False
    loras: Mapping[str, Mapping[DenoiserName, str]] = {}

    def weights_selection(self) -> WeightsSelection:
        variants = (self.variant, None) if self.variant else (None,)
        return WeightsSelection(self.pipelines, variants, replaced=frozenset(self.gguf), unused=self.unused)

    @field_validator("gguf")
    @classmethod
    def _check_gguf(cls, gguf: Mapping[DenoiserName, str], info: ValidationInfo) -> Mapping[DenoiserName, str]:
        if gguf and info.data.get("offload") is Offload.SEQUENTIAL:
            raise ValueError("accelerate cannot move these weights layer by layer; use group_offload")
        return gguf

    @field_validator("quantization")
    @classmethod
    def _check_quantization(
        cls, quantization: Mapping[QuantizedName, Precision], info: ValidationInfo
    ) -> Mapping[QuantizedName, Precision]:
        if both := sorted(set(info.data.get("gguf", {})) & set(quantization)):
            raise ValueError(f"the weights of {both[0]} are quantized already, by its file in gguf")
        return quantization
