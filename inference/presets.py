"""Named default values for the fields that a request does not set."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """Default values. resolution: a key of `inference.sizes.RESOLUTIONS`. priority: low, normal or high."""

    name: str
    resolution: str
    num_frames: int
    steps: int
    guidance_scale: float
    priority: str = "normal"

    def matches(self, *, resolution: str, num_frames: int, steps: int, guidance_scale: float) -> bool:
        """Return whether these settings are those of the preset."""
        own = (self.resolution, self.num_frames, self.steps, self.guidance_scale)
        return own == (resolution, num_frames, steps, guidance_scale)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("fast", resolution="512p", num_frames=8, steps=30, guidance_scale=9.0),
        Preset("standard", resolution="512p", num_frames=16, steps=50, guidance_scale=9.0),
        Preset("high", resolution="768p", num_frames=24, steps=80, guidance_scale=10.0),
        Preset("batch", resolution="512p", num_frames=16, steps=50, guidance_scale=9.0, priority="low"),
    )
}
DEFAULT_PRESET = PRESETS["standard"]
