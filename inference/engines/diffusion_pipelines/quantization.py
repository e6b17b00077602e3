"""Quantize networks with torchao while their checkpoint is loaded."""

from collections.abc import Mapping
from typing import Any

import diffusers
import transformers
from diffusers.quantizers.pipe_quant_config import PipelineQuantizationConfig
from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig

from inference.engines.diffusion_pipelines.options import Precision, QuantizedName
from inference.errors import ModelIncomplete
from inference.weights.selection import INDEX


def quantization_config(index: Mapping[str, Any], precisions: Mapping[QuantizedName, Precision]) -> Any:
    """Return what a pipeline of diffusers is loaded with, or None if nothing is quantized. Raises ModelIncomplete.

    index: that of the checkpoint, which names library and class of each network.
    """
    if not precisions:
        return None
    configs: dict[str, Any] = {}
    for name, precision in precisions.items():
        library, class_name = index.get(name) or (None, None)
        if class_name is None:
            raise ModelIncomplete(INDEX, "The checkpoint has no %(network)s to quantize.", {"network": name})
        weights = Int8WeightOnlyConfig(version=2) if precision == "int8" else Float8WeightOnlyConfig()
        config_class = transformers.TorchAoConfig if library == "transformers" else diffusers.TorchAoConfig
        configs[name] = config_class(weights)
    return PipelineQuantizationConfig(quant_mapping=configs)
