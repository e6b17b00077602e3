"""Quote the price of a video before it is generated, from the cost and memory models of the catalogue."""

import math
from dataclasses import dataclass

from inference.catalogue import ModelSpec
from jobs.videos.submission import VideoRequest


@dataclass(frozen=True)
class Quote:
    """1 credit = 1 second of the reference GPU, rounded up; `vram_mb` is the predicted peak of device memory."""

    credits: int
    gpu_seconds: float
    vram_mb: int


def quote(*, spec: ModelSpec, width: int, height: int, num_frames: int, steps: int) -> Quote:
    """Return the price of a video: at least one credit. The charge never exceeds it."""
    seconds = spec.quote_seconds(width, height, num_frames, steps)
    return Quote(
        credits=max(1, math.ceil(seconds)),
        gpu_seconds=round(seconds, 1),
        vram_mb=spec.vram_mb(width, height, num_frames),
    )


def quote_request(request: VideoRequest) -> Quote:
    """Return the price of a request."""
    return quote(
        spec=request.spec,
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        steps=request.steps,
    )
