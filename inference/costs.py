"""Predict the seconds and the peak memory of a video from its size.

Volumes are counted in standard videos of 512 x 512 pixels x 16 frames.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

STANDARD_PIXELS = 512 * 512
STANDARD_FRAMES = 16

VRAM_SLACK_MB = 2048
"""Added to the measured peak for fragmentation, the CUDA context and small allocations of other processes."""


class CostModel(Protocol):
    """Predicts how long generating a video takes on its device."""

    def seconds(self, width: int, height: int, num_frames: int, steps: int) -> float: ...


class MemoryModel(Protocol):
    """Predicts the peak device memory in MiB, without slack."""

    def peak_mb(self, width: int, height: int, num_frames: int) -> float: ...


@dataclass(frozen=True, slots=True)
class DiffusionCost:
    """TFLOP of a video divided by a rate.

    step_linear, step_attention, decode: TFLOP for a standard video. `step_linear` (convolutions, projections; per step)
    grows with pixels x frames, `step_attention` (spatial self-attention; per step) with pixels² x frames, `decode`
    (once per video) with pixels x frames. tflop_per_second: the rate that is reached in practice.
    """

    step_linear: float
    step_attention: float
    decode: float
    tflop_per_second: float

    def seconds(self, width: int, height: int, num_frames: int, steps: int) -> float:
        """Return the predicted seconds for the whole video, guidance included."""
        area = width * height / STANDARD_PIXELS
        volume = area * num_frames / STANDARD_FRAMES
        step = volume * (self.step_linear + self.step_attention * area)
        return (steps * step + volume * self.decode) / self.tflop_per_second


@dataclass(frozen=True, slots=True)
class FrameCost:
    """Constant seconds per video plus seconds per million pixels of all frames; steps have no effect."""

    base_seconds: float
    seconds_per_megapixel: float

    def seconds(self, width: int, height: int, num_frames: int, steps: int) -> float:
        """Return the predicted seconds for the whole video."""
        return self.base_seconds + self.seconds_per_megapixel * width * height * num_frames / 1e6


@dataclass(frozen=True, slots=True)
class MeasuredMemory:
    """Linear interpolation of measured (volume in standard videos, peak in MiB) points, extrapolated at both ends."""

    points: tuple[tuple[float, float], ...]

    def peak_mb(self, width: int, height: int, num_frames: int) -> float:
        """Return the predicted peak in MiB."""
        volume = width * height / STANDARD_PIXELS * num_frames / STANDARD_FRAMES
        segments = list(pairwise(self.points))
        (x0, y0), (x1, y1) = next((pair for pair in segments if volume <= pair[1][0]), segments[-1])
        return y0 + (y1 - y0) * (volume - x0) / (x1 - x0)


@dataclass(frozen=True, slots=True)
class NoMemory:
    """For engines that use no device memory."""

    def peak_mb(self, width: int, height: int, num_frames: int) -> float:
        """Return 0."""
        return 0.0
