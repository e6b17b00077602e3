"""Named default values for the fields that a request does not set."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from inference import limits
from inference.generation import LoraWeight
from inference.models.table import Table


class PresetLora(Table):
    """A LoRA of the model's `engine_options`, and how strongly it acts."""

    name: str
    scale: Annotated[float, Field(ge=-limits.MAX_LORA_SCALE, le=limits.MAX_LORA_SCALE)] = 1.0


class Preset(Table):
    """Default values.

    resolution: a name of the model's sizes. steps, guidance_scale: None if the model has none. loras: those of videos
    that name none themselves.
    """

    title: str = ""
    description: str = ""
    resolution: str
    num_frames: int
    fps: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    priority: Literal["low", "normal", "high"] = "normal"
    loras: Annotated[tuple[PresetLora, ...], Field(strict=False, max_length=limits.MAX_LORAS)] = ()

    @property
    def lora_weights(self) -> tuple[LoraWeight, ...]:
        return tuple(LoraWeight(lora.name, lora.scale) for lora in self.loras)

    def matches(
        self,
        *,
        resolution: str,
        num_frames: int,
        fps: int,
        steps: int | None,
        guidance_scale: float | None,
        loras: Sequence[LoraWeight],
    ) -> bool:
        """Return whether these settings are those of the preset, as far as it sets them.

        Older videos of a model without steps have some.
        """
        settings = (
            (self.resolution, resolution),
            (self.num_frames, num_frames),
            (self.fps, fps),
            (self.steps, steps),
            (self.guidance_scale, guidance_scale),
        )
        return all(own in (None, value) for own, value in settings) and [*self.lora_weights] == [*loras]
