"""Reject requests that exceed the plan of a team, field by field."""

import math
from collections.abc import Collection, Iterator

from accounts.quota.effective_limits import EffectiveLimits
from common.errors import Detail, InvalidField, invalid_fields
from common.messages import Message
from inference.models.descriptor import ModelDescriptor
from jobs.videos.submission import VideoRequest


class NotInPlan(InvalidField):
    """The team's plan does not allow the request. `param` is the field to change."""

    default_code = "not_in_plan"


def check_plan(request: VideoRequest, effective_limits: EffectiveLimits) -> None:
    """Raise NotInPlan with one detail for each field that exceeds the plan."""
    details = tuple(_exceeded(request, effective_limits))
    if details:
        raise invalid_fields(*details, family=NotInPlan)


def allowed_resolutions(descriptor: ModelDescriptor, effective_limits: EffectiveLimits) -> list[str]:
    """Return the model's resolutions within the plan, from the smallest to the largest."""
    limit = effective_limits.max_pixels
    resolutions = descriptor.sizes.resolutions.items()
    return [name for name, resolution in resolutions if limit is None or resolution.pixels <= limit]


def max_frames(descriptor: ModelDescriptor, effective_limits: EffectiveLimits, fps: int) -> int | None:
    """Return how many frames the plan allows at this rate: those of a request for `max_seconds`.

    So a plan for 5 seconds allows the 121 frames at 24 fps that a model makes of `seconds: "5"`. None without a limit;
    fewer than the model makes if even its shortest video is too long.
    """
    if effective_limits.max_seconds is None:
        return None
    frames = effective_limits.max_seconds * fps
    if round(frames) < descriptor.num_frames.minimum:
        return int(frames)
    return descriptor.num_frames.nearest(frames)


def _exceeded(request: VideoRequest, effective_limits: EffectiveLimits) -> Iterator[Detail]:
    """Yield what the plan allows for each field that exceeds it, with the nearest values that it allows."""
    max_pixels = effective_limits.max_pixels
    if max_pixels is not None and request.width * request.height > max_pixels:
        yield _too_large(request, effective_limits, max_pixels)
    limit = max_frames(request.descriptor, effective_limits, request.fps)
    if limit is not None and request.num_frames > limit:
        yield _too_long(request, effective_limits, limit)
    choices = {
        "output_format": (request.output_format, effective_limits.allowed_formats),
        "priority": (request.priority.label, effective_limits.allowed_priorities),
        "model": (request.descriptor.name, effective_limits.allowed_models),
    }
    for name, (chosen, allowed) in choices.items():
        if allowed is not None and chosen not in allowed:
            yield _detail(name, _allowed_choices(allowed))


def _too_large(request: VideoRequest, effective_limits: EffectiveLimits, max_pixels: int) -> Detail:
    sizes = request.descriptor.sizes
    size = sizes.nearest(request.width, request.height, max_pixels)
    has_size = math.prod(sizes.parse(size)) <= max_pixels
    if "size" in request.sent_fields:
        field, nearest = "size", size if has_size else ""
    else:
        field, nearest = "resolution", next(reversed(allowed_resolutions(request.descriptor, effective_limits)), "")
    params = {"pixels": max_pixels, "nearest": nearest or size, "model": request.descriptor.name, "field": field}
    if nearest:
        message = Message("Your team's plan allows frames of up to %(pixels)s pixels, such as %(nearest)s.", params)
        return _detail(field, message, nearest)
    if has_size:
        message = Message(
            "Your team's plan allows frames of up to %(pixels)s pixels, and %(model)s has no such %(field)s. "
            "Send a size instead, such as %(nearest)s.",
            params,
        )
        return _detail(field, message)
    message = Message(
        "Your team's plan allows frames of up to %(pixels)s pixels, and %(model)s has no such %(field)s. "
        "Choose another model.",
        params,
    )
    return _detail(field, message)


def _too_long(request: VideoRequest, effective_limits: EffectiveLimits, frames: int) -> Detail:
    field = "seconds" if "seconds" in request.sent_fields else "num_frames"
    seconds = f"{effective_limits.max_seconds:g}"
    params = {"seconds": seconds, "frames": frames, "fps": request.fps, "model": request.descriptor.name}
    if frames in request.descriptor.num_frames:
        message = Message("Your team's plan allows up to %(seconds)s s: %(frames)s frames at %(fps)s fps.", params)
        return _detail(field, message, seconds if field == "seconds" else frames)
    message = Message(
        "Your team's plan allows up to %(seconds)s s, and videos of %(model)s at %(fps)s fps are longer. "
        "Choose a higher fps or another model.",
        params,
    )
    return _detail(field, message)


def _allowed_choices(choices: Collection[str]) -> Message:
    if not choices:
        return Message("Your team's plan allows none.")
    return Message("Your team's plan allows %(choices)s.", {"choices": ", ".join(choices)})


def _detail(field: str, message: Message, *nearest: str | int) -> Detail:
    return Detail((field,), message, NotInPlan.default_code, nearest)
