"""The models that the site offers: names, limits, defaults, prices. Importing this loads no engine and no torch.

To add a model, add a folder below `inference/engines/` and one entry in MODELS.
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

    engine: `module:Class`, imported only where the model runs. source: the hub repository of the weights, or None if
    there are no weights or the caller passes a folder. pool: which workers run its jobs. max_prompt_tokens: tokens of
    the prompt that have an effect, or None without a limit. test_only: hidden from users.
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
        """Return the predicted seconds on the reference device (an RTX 4090 for the gpu pool), without loading."""
        return self.cost.seconds(width, height, num_frames, steps)

    def vram_mb(self, width: int, height: int, num_frames: int) -> int:
        """Return the device memory in MiB that a video needs: the predicted peak plus slack; 0 without a GPU."""
        peak = self.memory.peak_mb(width, height, num_frames)
        return math.ceil(peak) + VRAM_SLACK_MB if peak else 0


# TFLOP by torch's counter: 41.9 per step and 40.2 for decoding a standard video, 157 per step at 768x768x24, 176 at
# 1280x704x16, 428 at 1024x1024x32. The two step terms below match all of them within 1 %. The rate is chosen so that
# the standard preset (50 steps, 2,135 TFLOP) takes 52.3 s, as a reference deployment does on an RTX 4090.
_I2VGEN_COST = DiffusionCost(
    step_linear=38.1, step_attention=3.8, decode=40.2, tflop_per_second=(50 * 41.9 + 40.2) / 52.3
)
# Measured in half precision on a 24 GB GPU: 13.5, 17.8 and 21.5 GB at 512x512x16, 768x768x24 and 1024x1024x32.
_I2VGEN_MEMORY = MeasuredMemory(((1.0, 13_824.0), (3.375, 18_227.0), (8.0, 22_016.0)))
_I2VGEN_ENGINE = "inference.engines.i2vgenxl.engine:I2VGenXLEngine"

MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="i2vgen-xl",
            title="I2VGen-XL",
            description="A diffusion model that animates the scene in the image as the prompt describes.",
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
            description="The same code with a tiny checkpoint of random weights, for tests.",
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
            description="A virtual camera moves over the image: pan, tilt, zoom, roll and depth. Runs on any machine.",
            engine="inference.engines.camera.engine:CameraEngine",
            pool="cpu",
            cost=FrameCost(base_seconds=0.2, seconds_per_megapixel=0.2),
            memory=NoMemory(),
        ),
        ModelSpec(
            name="scripted",
            title="Scripted",
            description="Follows the script in its prompt: waits, fails, hangs, crashes. For tests.",
            engine="inference.engines.scripted.engine:ScriptedEngine",
            pool="cpu",
            cost=FrameCost(base_seconds=1, seconds_per_megapixel=0),
            memory=NoMemory(),
            test_only=True,
        ),
    )
}


def get_model(name: str) -> ModelSpec:
    """Return the model with this name. Raises ModelNotFound."""
    try:
        return MODELS[name]
    except KeyError:
        known = ", ".join(spec.name for spec in MODELS.values() if not spec.test_only)
        raise ModelNotFound(
            "There is no model '%(name)s'. Choose one of: %(known)s.", {"name": name, "known": known}
        ) from None
