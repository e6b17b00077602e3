"""Named default values for the fields that a request does not set."""

from typing import Literal

from inference.models.table import Table


class Preset(Table):
    """Default values. resolution: a name of the model's sizes. steps, guidance_scale: None if the model has none."""

    title: str = ""
    description: str = ""
    resolution: str
    num_frames: int
    fps: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    priority: Literal["low", "normal", "high"] = "normal"

    def matches(
        self, *, resolution: str, num_frames: int, fps: int, steps: int | None, guidance_scale: float | None
    ) -> bool:
        """Return whether these settings are those of the preset."""
        own = (self.resolution, self.num_frames, self.fps or fps, self.steps, self.guidance_scale)
        return own == (resolution, num_frames, fps, steps, guidance_scale)
