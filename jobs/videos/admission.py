"""Reject requests that need more GPU memory than any registered worker has, and suggest settings that fit."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Max, Q

from common.errors import Detail, InvalidField
from common.messages import Message
from inference.models.sizes import nearest_aspect_ratio
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
    needed = request.descriptor.vram_mb(request.width, request.height, request.num_frames)
    if not needed:  # the model runs on the CPU
        return
    name = request.descriptor.name
    workers = live_workers(request.descriptor.pool).filter(Q(model=name) | Q(installed_models__has_key=name))
    largest = workers.aggregate(mb=Max("vram_total_mb"))["mb"]
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
    """Yield the longest video that fits for each resolution, the highest first: people prefer sharpness to length."""
    descriptor, sizes = request.descriptor, request.descriptor.sizes
    shape = nearest_aspect_ratio(request.width, request.height)
    shortest, step = descriptor.num_frames.minimum, descriptor.num_frames.step
    for resolution in reversed(sizes.resolutions):
        width, height = sizes.frame_size(resolution, shape, None)
        if width * height > request.width * request.height * 1.1:
            continue
        for frames in range(request.num_frames, shortest - 1, -step):
            if descriptor.vram_mb(width, height, frames) <= largest_mb:
                yield {"resolution": resolution, "num_frames": frames}
                break
