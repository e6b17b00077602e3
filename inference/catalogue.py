"""The models, as the site sees them: names, limits, defaults, prices. Importing this loads no engine and no torch.

A new model is a folder below `inference/engines/` and one entry in MODELS.
"""

import math
from dataclasses import dataclass
from typing import Literal

from inference.costs import VRAM_SLACK_MB, CostModel, DiffusionCost, FrameCost, MeasuredMemory, MemoryModel, NoMemory
from inference.errors import ModelNotFound
from inference.limits import MAX_PROMPT_TOKENS
from inference.presets import DEFAULT_PRESET, Preset
from inference.sizes import RESOLUTIONS

Pool = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One entry of the catalogue.

    engine: `module:Class`, imported only where the model runs. source: the hub repository it is loaded from, or None
    when there is nothing to load or the caller names a folder. pool: which workers take its jobs.
    """

    name: str
    title: str
    description: str
    engine: str
    pool: Pool
    cost: CostModel
    memory: MemoryModel
    source: str | None = None
    resolutions: tuple[str, ...] = tuple(RESOLUTIONS)
    defaults: Preset = DEFAULT_PRESET
    default_fps: int = 8
    max_prompt_tokens: int | None = None
    test_only: bool = False

    def quote_seconds(self, width: int, height: int, num_frames: int, steps: int) -> float:
        """Predicted seconds on the reference device (an RTX 4090 for the gpu pool), loading not included."""
        return self.cost.seconds(width, height, num_frames, steps)

    def vram_mb(self, width: int, height: int, num_frames: int) -> int:
        """MiB of device memory that must be there for the clip: the predicted peak and the slack; 0 without a GPU."""
        peak = self.memory.peak_mb(width, height, num_frames)
        return math.ceil(peak) + VRAM_SLACK_MB if peak else 0


# TFLOP by torch's counter: 41.9 a step and 40.2 to decode a standard clip, 157 a step at 768x768x24, 176 at
# 1280x704x16, 428 at 1024x1024x32; the two step terms below meet all of them within 1 %. The rate makes the standard
# preset (50 steps, 2,135 TFLOP) the 52.3 s that a reference deployment takes on an RTX 4090.
_I2VGEN_COST = DiffusionCost(
    step_linear=38.1, step_attention=3.8, decode=40.2, tflop_per_second=(50 * 41.9 + 40.2) / 52.3
)
# Measured in half precision on a 24 GB card: 13.5, 17.8 and 21.5 GB at 512x512x16, 768x768x24 and 1024x1024x32.
_I2VGEN_MEMORY = MeasuredMemory(((1.0, 13_824.0), (3.375, 18_227.0), (8.0, 22_016.0)))
_I2VGEN_ENGINE = "inference.engines.i2vgenxl.engine:I2VGenXLEngine"

MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="i2vgen-xl",
            title="I2VGen-XL",
            description="A diffusion model that imagines how the scene in the picture moves.",
            engine=_I2VGEN_ENGINE,
            source="ali-vilab/i2vgen-xl",
            pool="gpu",
            cost=_I2VGEN_COST,
            memory=_I2VGEN_MEMORY,
            max_prompt_tokens=MAX_PROMPT_TOKENS,
        ),
        ModelSpec(
            name="i2vgen-xl-tiny",
            title="I2VGen-XL (tiny)",
            description="The same code on a tiny checkpoint of random weights, for tests.",
            engine=_I2VGEN_ENGINE,
            pool="gpu",
            cost=_I2VGEN_COST,
            memory=NoMemory(),
            max_prompt_tokens=MAX_PROMPT_TOKENS,
            test_only=True,
        ),
        ModelSpec(
            name="camera",
            title="Camera",
            description="A virtual camera moves over the still: pan, tilt, zoom, roll and depth, on any machine.",
            engine="inference.engines.camera.engine:CameraEngine",
            pool="cpu",
            cost=FrameCost(base_seconds=0.2, seconds_per_megapixel=0.2),
            memory=NoMemory(),
        ),
        ModelSpec(
            name="scripted",
            title="Scripted",
            description="Does what its prompt says: takes its time, fails, hangs, crashes. For tests.",
            engine="inference.engines.scripted.engine:ScriptedEngine",
            pool="cpu",
            cost=FrameCost(base_seconds=1, seconds_per_megapixel=0),
            memory=NoMemory(),
            test_only=True,
        ),
    )
}


def get_model(name: str) -> ModelSpec:
    """The entry called `name`. Raises ModelNotFound."""
    try:
        return MODELS[name]
    except KeyError:
        known = ", ".join(spec.name for spec in MODELS.values() if not spec.test_only)
        raise ModelNotFound(
            "There is no model '%(name)s'. Choose one of: %(known)s.", {"name": name, "known": known}
        ) from None
