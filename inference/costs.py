"""What a clip costs: predicted seconds and peak memory, as functions of its size.

Volumes are counted in standard clips: one is 512 x 512 pixels x 16 frames.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

STANDARD_PIXELS = 512 * 512
STANDARD_FRAMES = 16

VRAM_SLACK_MB = 2048
"""Left free beside the measured peak: fragmentation, the CUDA context, and other processes' small things."""


class CostModel(Protocol):
    """Predicts how long a clip keeps its device busy."""

    def seconds(self, width: int, height: int, num_frames: int, steps: int) -> float: ...


class MemoryModel(Protocol):
    """Predicts the peak of device memory in MiB, without slack."""

    def peak_mb(self, width: int, height: int, num_frames: int) -> float: ...


@dataclass(frozen=True, slots=True)
class DiffusionCost:
    """TFLOP of a standard clip divided by a rate.

    `step_linear` grows with pixels x frames (convolutions, projections); `step_attention` with pixels² x frames
    (spatial self-attention); `decode` with pixels x frames, once. `tflop_per_second` is the rate really reached.
    """

    step_linear: float
    step_attention: float
    decode: float
    tflop_per_second: float

    def seconds(self, width: int, height: int, num_frames: int, steps: int) -> float:
        """Predicted seconds of the whole clip, guidance included."""
        area = width * height / STANDARD_PIXELS
        volume = area * num_frames / STANDARD_FRAMES
        step = volume * (self.step_linear + self.step_attention * area)
        return (steps * step + volume * self.decode) / self.tflop_per_second


@dataclass(frozen=True, slots=True)
class FrameCost:
    """So many seconds for a clip, plus so many for each million pixels of each frame; steps do not matter."""

    base_seconds: float
    seconds_per_megapixel: float

    def seconds(self, width: int, height: int, num_frames: int, steps: int) -> float:
        """Predicted seconds of the whole clip."""
        return self.base_seconds + self.seconds_per_megapixel * width * height * num_frames / 1e6


@dataclass(frozen=True, slots=True)
class MeasuredMemory:
    """Straight lines through measured (volume, peak in MiB) points, the end slopes carried on beyond them."""

    points: tuple[tuple[float, float], ...]

    def peak_mb(self, width: int, height: int, num_frames: int) -> float:
        """Predicted peak in MiB."""
        volume = width * height / STANDARD_PIXELS * num_frames / STANDARD_FRAMES
        segments = list(pairwise(self.points))
        (x0, y0), (x1, y1) = next((pair for pair in segments if volume <= pair[1][0]), segments[-1])
        return y0 + (y1 - y0) * (volume - x0) / (x1 - x0)


@dataclass(frozen=True, slots=True)
class NoMemory:
    """For engines that use no device memory."""

    def peak_mb(self, width: int, height: int, num_frames: int) -> float:
        """Always nothing."""
        return 0.0
