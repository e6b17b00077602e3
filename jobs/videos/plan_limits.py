"""Refuses what the plan of a team does not allow, field by field."""

from accounts.quota.effective_limits import EffectiveLimits
from common.errors import Detail, InvalidField
from jobs.videos.submission import VideoRequest


class NotInPlan(InvalidField):
    """The team's plan does not allow it. `param` is the field to change."""

    default_code = "not_in_plan"


def check_plan(request: VideoRequest, effective_limits: EffectiveLimits) -> None:
    """Raises NotInPlan, with one detail for each field that the plan does not allow."""
    details = tuple(
        Detail((name,), f"The plan of your team allows {allowed}.", NotInPlan.default_code)
        for name, allowed in _exceeded(request, effective_limits).items()
    )
    if details:
        first = details[0]
        raise NotInPlan(f"{first.loc[0]}: {first.msg}", param=first.loc[0], details=details)


def _exceeded(request: VideoRequest, effective_limits: EffectiveLimits) -> dict[str, str]:
    """Field to what is allowed of it."""
    side = effective_limits.max_resolution
    wrong = {}
    if side is not None and request.width * request.height > side * side:
        wrong["resolution"] = f"frames of up to {side * side} pixels, as {side}x{side} has"
    if effective_limits.max_frames is not None and request.num_frames > effective_limits.max_frames:
        wrong["num_frames"] = f"up to {effective_limits.max_frames} frames"
    if effective_limits.max_steps is not None and request.steps > effective_limits.max_steps:
        wrong["steps"] = f"up to {effective_limits.max_steps} steps"
    choices = {
        "output_format": (request.output_format, effective_limits.allowed_formats),
        "priority": (request.priority.label, effective_limits.allowed_priorities),
        "model": (request.spec.name, effective_limits.allowed_models),
    }
    for name, (chosen, allowed) in choices.items():
        if allowed is not None and chosen not in allowed:
            wrong[name] = " or ".join(allowed) or "none"
    return wrong
