"""Reject requests that exceed the plan of a team, field by field."""

from collections.abc import Collection

from accounts.quota.effective_limits import EffectiveLimits
from common.errors import Detail, InvalidField, invalid_fields
from common.messages import Message
from jobs.videos.submission import VideoRequest


class NotInPlan(InvalidField):
    """The team's plan does not allow the request. `param` is the field to change."""

    default_code = "not_in_plan"


def check_plan(request: VideoRequest, effective_limits: EffectiveLimits) -> None:
    """Raise NotInPlan with one detail for each field that exceeds the plan."""
    details = [
        Detail((name,), message, NotInPlan.default_code)
        for name, message in _exceeded(request, effective_limits).items()
    ]
    if details:
        raise invalid_fields(*details, family=NotInPlan)


def _exceeded(request: VideoRequest, effective_limits: EffectiveLimits) -> dict[str, Message]:
    """Map each field that exceeds the plan to what the plan allows."""
    side = effective_limits.max_resolution
    messages: dict[str, Message] = {}
    if side is not None and request.width * request.height > side * side:
        messages["resolution"] = Message(
            "Your team's plan allows frames of up to %(pixels)s pixels, the size of %(size)s.",
            {"pixels": side * side, "size": f"{side}x{side}"},
        )
    if effective_limits.max_frames is not None and request.num_frames > effective_limits.max_frames:
        messages["num_frames"] = Message(
            "Your team's plan allows up to %(limit)s frames.", {"limit": effective_limits.max_frames}
        )
    if (
        effective_limits.max_steps is not None
        and request.steps is not None
        and request.steps > effective_limits.max_steps
    ):
        messages["steps"] = Message(
            "Your team's plan allows up to %(limit)s steps.", {"limit": effective_limits.max_steps}
        )
    choices = {
        "output_format": (request.output_format, effective_limits.allowed_formats),
        "priority": (request.priority.label, effective_limits.allowed_priorities),
        "model": (request.descriptor.name, effective_limits.allowed_models),
    }
    for name, (chosen, allowed) in choices.items():
        if allowed is not None and chosen not in allowed:
            messages[name] = _allowed_choices(allowed)
    return messages


def _allowed_choices(choices: Collection[str]) -> Message:
    if not choices:
        return Message("Your team's plan allows none.")
    return Message("Your team's plan allows %(choices)s.", {"choices": ", ".join(choices)})
