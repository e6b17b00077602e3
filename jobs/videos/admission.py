"""Reject requests that need more GPU memory than any registered worker has, and suggest settings that fit."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Max

from common.errors import Detail, InvalidField
from common.messages import Message
from inference import limits
from inference.sizes import RESOLUTIONS
from jobs.queue.eta import live_workers
from jobs.videos.submission import VideoRequest

_MAX_SUGGESTIONS = 3


class GpuMemoryImpossible(InvalidField):
    """No registered GPU has the memory. `extra["suggestions"]` lists settings that fit, nearest first."""

    default_code = "gpu_memory_impossible"


def check_memory(request: VideoRequest) -> None:
    """Raise GpuMemoryImpossible if no registered GPU has enough memory.

    Without a registered worker the request passes: its job waits for a worker.
    """
    needed = request.spec.vram_mb(request.width, request.height, request.num_frames)
    if not needed:  # the model runs on the CPU
        return
    largest = live_workers(request.spec.pool).filter(model=request.spec.name).aggregate(mb=Max("vram_total_mb"))["mb"]
    if largest is None or needed <= largest:
        return
    message = Message(
        "This video needs about %(needed)s GB of GPU memory, and the largest GPU here has %(largest)s GB. "
        "Choose a lower resolution or fewer frames.",
        {"needed": f"{needed / 1024:.1f}", "largest": f"{largest / 1024:.1f}"},
    )
    raise GpuMemoryImpossible(
        message,
        param="resolution",
        details=(Detail(("resolution",), message, GpuMemoryImpossible.default_code),),
        extra={"suggestions": list(_fitting_settings(request, largest))[:_MAX_SUGGESTIONS]},
    )


def _fitting_settings(request: VideoRequest, largest_mb: int) -> Iterator[dict[str, Any]]:
    """Yield settings that fit: fewer frames first, then lower resolutions, since people prefer sharpness to length."""
    aspect = request.width / request.height
    for resolution, side in sorted(RESOLUTIONS.items(), key=lambda item: -item[1]):
        if side * side > request.width * request.height * 1.1:
            continue
        width, height = side * aspect**0.5, side / aspect**0.5
        for frames in sorted({request.num_frames, 16, limits.NUM_FRAMES.minimum}, reverse=True):
            if frames <= request.num_frames and request.spec.vram_mb(int(width), int(height), frames) <= largest_mb:
                yield {"resolution": resolution, "num_frames": frames}
