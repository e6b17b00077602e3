"""Predict the seconds and the peak memory of a video from its size.

Volumes are counted in standard videos of 512 x 512 pixels x 16 frames.
"""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from inference.models.table import Table

STANDARD_PIXELS = 512 * 512
STANDARD_FRAMES = 16

VRAM_SLACK_MB = 2048
"""Added to the measured peak for fragmentation, the CUDA context and small allocations of other processes."""

_NotNegative = Annotated[float, Field(ge=0)]
_Positive = Annotated[float, Field(gt=0)]
_Point = Annotated[tuple[float, float], Field(strict=False)]  # TOML has lists only


class DiffusionCost(Table):
    """TFLOP of a video divided by a rate.

    step_linear, step_attention, step_full_attention, decode: TFLOP for a standard video, guidance included.
    `step_linear` (convolutions, projections; per step) grows with pixels x frames, `step_attention` (within each frame;
    per step) with pixels² x frames, `step_full_attention` (between all frames; per step) with (pixels x frames)²,
    `decode` (once per video) with pixels x frames. without_guidance: the factor of the steps at a guidance scale of 1,
    at which a model runs once per step instead of twice. tflop_per_second: the rate that is reached in practice.
    """

    kind: Literal["diffusion"]
    step_linear: _NotNegative
    step_attention: _NotNegative = 0.0
    step_full_attention: _NotNegative = 0.0
    decode: _NotNegative
    without_guidance: _Positive = 1.0
    tflop_per_second: _Positive

    def seconds(
        self, width: int, height: int, num_frames: int, steps: int | None, guidance_scale: float | None
    ) -> float:
        """Return the predicted seconds for the whole video."""
        area = width * height / STANDARD_PIXELS
        volume = area * num_frames / STANDARD_FRAMES
        step = volume * (self.step_linear + self.step_attention * area + self.step_full_attention * volume)
        if guidance_scale is not None and guidance_scale <= 1:
            step *= self.without_guidance
        return ((steps or 0) * step + volume * self.decode) / self.tflop_per_second


class FrameCost(Table):
    """Constant seconds per video plus seconds per million pixels of all frames."""

    kind: Literal["frames"]
    base_seconds: _NotNegative
    seconds_per_megapixel: _NotNegative

    def seconds(
        self, width: int, height: int, num_frames: int, steps: int | None, guidance_scale: float | None
    ) -> float:
        """Return the predicted seconds for the whole video."""
        return self.base_seconds + self.seconds_per_megapixel * width * height * num_frames / 1e6


CostModel = Annotated[DiffusionCost | FrameCost, Field(discriminator="kind")]


class MeasuredMemory(Table):
    """Linear interpolation of measured (volume in standard videos, peak in MiB) points, extrapolated at both ends."""

    points: Annotated[tuple[_Point, ...], Field(min_length=2, strict=False)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not all(before[0] < after[0] for before, after in pairwise(self.points)):
            raise ValueError("the volumes of points must be in ascending order")
        return self

    def peak_mb(self, width: int, height: int, num_frames: int) -> float:
        """Return the predicted peak in MiB, without slack."""
        volume = width * height / STANDARD_PIXELS * num_frames / STANDARD_FRAMES
        segments = list(pairwise(self.points))
        (x0, y0), (x1, y1) = next((pair for pair in segments if volume <= pair[1][0]), segments[-1])
        return y0 + (y1 - y0) * (volume - x0) / (x1 - x0)
