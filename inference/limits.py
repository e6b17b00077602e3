"""The ranges that the site accepts. The command line accepts more: see `inference.generation`."""

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


PROMPT_LENGTH = Range(1, 1000)
"""Code points."""
MAX_PROMPT_TOKENS = 77
"""Tokens that CLIP reads, its start and end tokens included; later tokens have no effect."""
NUM_FRAMES = Range(8, 32)
FPS = Range(4, 24)
STEPS = Range(10, 100)
GUIDANCE_SCALE = Range(1.0, 20.0)
SEED = Range(0, 2**63 - 1)

MAX_IMAGE_PIXELS = 25_000_000
MAX_IMAGE_SIDE = 8192
"""Pixels along the longer side."""
MAX_IMAGE_ASPECT_RATIO = 20
"""Longer side over shorter side."""

FRAME_SIDE = Range(64, 2048)
"""Pixels along each side of a video."""
