"""Refuses what the plan of a team does not allow, field by field."""

from accounts.quota.allowance import Allowance
from common.errors import Detail, InvalidField
from jobs.requests import VideoRequest


class NotInPlan(InvalidField):
    """The team's plan does not allow it. `param` is the field to change."""

    default_code = "not_in_plan"


def check_plan(request: VideoRequest, allowance: Allowance) -> None:
    """Raises NotInPlan, with one detail for each field that the plan does not allow."""
    details = tuple(
        Detail((name,), f"The plan of your team allows {allowed}.", NotInPlan.default_code)
        for name, allowed in _beyond(request, allowance).items()
    )
    if details:
        first = details[0]
        raise NotInPlan(f"{first.loc[0]}: {first.msg}", param=first.loc[0], details=details)


def _beyond(request: VideoRequest, allowance: Allowance) -> dict[str, str]:
    """Field to what is allowed of it."""
    side = allowance.max_resolution
    wrong = {}
    if side is not None and request.width * request.height > side * side:
        wrong["resolution"] = f"frames of up to {side * side} pixels, as {side}x{side} has"
    if allowance.max_frames is not None and request.num_frames > allowance.max_frames:
        wrong["num_frames"] = f"up to {allowance.max_frames} frames"
    if allowance.max_steps is not None and request.steps > allowance.max_steps:
        wrong["steps"] = f"up to {allowance.max_steps} steps"
    choices = {
        "output_format": (request.output_format, allowance.allowed_formats),
        "priority": (request.priority.label, allowance.allowed_priorities),
        "model": (request.spec.name, allowance.allowed_models),
    }
    for name, (chosen, allowed) in choices.items():
        if allowed is not None and chosen not in allowed:
            wrong[name] = " or ".join(allowed) or "none"
    return wrong
