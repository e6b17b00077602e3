"""Quote the price of a video before it is generated, from the cost and memory models of the catalogue."""

import math
from dataclasses import dataclass

from inference.models.descriptor import ModelDescriptor
from inference.models.presets import Preset
from inference.models.settings import VideoSettings
from jobs.videos.submission import VideoRequest


@dataclass(frozen=True)
class Quote:
    """1 credit = 1 second of the reference GPU, rounded up; `vram_mb` is the predicted peak of device memory."""

    credits: int
    gpu_seconds: float
    vram_mb: int


def quote(
    *,
    descriptor: ModelDescriptor,
    width: int,
    height: int,
    num_frames: int,
    steps: int | None,
    guidance_scale: float | None,
) -> Quote:
    """Return the price of a video: at least one credit. The charge never exceeds it."""
    seconds = descriptor.quote_seconds(width, height, num_frames, steps, guidance_scale)
    return Quote(
        credits=max(1, math.ceil(seconds)),
        gpu_seconds=round(seconds, 1),
        vram_mb=descriptor.vram_mb(width, height, num_frames),
    )


def quote_settings(descriptor: ModelDescriptor, settings: VideoSettings | VideoRequest) -> Quote:
    """Return the price of a video with these settings."""
    return quote(
        descriptor=descriptor,
        width=settings.width,
        height=settings.height,
        num_frames=settings.num_frames,
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
    )


def quote_preset(
    descriptor: ModelDescriptor, preset: Preset, *, aspect_ratio: str, image_size: tuple[int, int] | None
) -> Quote:
    """Return the price of a preset for an image of that size, or without an image."""
    width, height = descriptor.sizes.frame_size(preset.resolution, aspect_ratio, image_size)
    return quote(
        descriptor=descriptor,
        width=width,
        height=height,
        num_frames=preset.num_frames,
        steps=preset.steps,
        guidance_scale=preset.guidance_scale,
    )
