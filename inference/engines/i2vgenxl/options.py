"""The options of I2VGen-XL. This imports no torch, so the site can check them too."""

from typing import Literal

from inference.engines.options import EngineOptions
from inference.weights.selection import WeightsSelection

HALF_VARIANT = "fp16"


class I2VGenXLOptions(EngineOptions):
    """dtype: precision of the networks; `auto` is float16 on CUDA and float32 on the CPU."""

    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"

    def weights_selection(self) -> WeightsSelection:
        return WeightsSelection(("I2VGenXLPipeline",), (HALF_VARIANT, None))
