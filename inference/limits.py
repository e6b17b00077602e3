"""What no model exceeds. The ranges of a model are in its descriptor."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Range(Generic[Number]):
    """A closed interval; `value in range` tests whether it contains the value."""

    minimum: Number
    maximum: Number

    def __contains__(self, value: Number) -> bool:
        return self.minimum <= value <= self.maximum

    def __str__(self) -> str:
        return f"{self.minimum}..{self.maximum}"


MAX_PROMPT_LENGTH = 4000
"""Code points."""
MAX_FRAMES = 721
"""30 seconds at 24 frames per second."""
MAX_FPS = 60
MAX_STEPS = 200
MAX_GUIDANCE_SCALE = 100.0
MAX_LORAS = 8
"""LoRAs of one video."""
MAX_LORA_SCALE = 2.0
"""In both directions."""
SEED = Range(0, 2**63 - 1)

MAX_IMAGE_PIXELS = 25_000_000
MAX_IMAGE_SIDE = 8192
"""Pixels along the longer side."""
MAX_IMAGE_ASPECT_RATIO = 20
"""Longer side over shorter side."""

FRAME_SIDE = Range(64, 2048)
"""Pixels along each side of a video."""
