"""The choices of the Create page that the plan of the team allows, and the limits that exclude the others."""

from dataclasses import dataclass, replace
from typing import TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Team
from accounts.quota.effective_limits import EffectiveLimits, effective_limits_of
from inference.models.descriptor import ModelDescriptor
from inference.models.presets import Preset
from inference.models.ranges import IntegerRange
from jobs.videos.plan_limits import allowed_resolutions, max_frames
from jobs.videos.submission import offered_models
from jobs.videos.views.forms import FormValues

Choice = TypeVar("Choice")
OUTPUT_FORMATS = ("mp4", "gif")
_PRIORITY_MESSAGES = {
    "low": gettext_lazy("no low priority"),
    "normal": gettext_lazy("no normal priority"),
    "high": gettext_lazy("no high priority"),
}


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """The allowed choices for a model. num_frames: at the rate that the options were made for.

    hints: the limits of the plan by field. exceeded: the limits that exclude a preset, by its name.
    """

    plan: str
    descriptor: ModelDescriptor
    models: list[ModelDescriptor]
    presets: list[str]
    resolutions: list[str]
    formats: list[str]
    num_frames: IntegerRange
    hints: dict[str, str]
    exceeded: dict[str, str]

    def clamp(self, values: FormValues) -> FormValues:
        """Return initial values of the form, changed to allowed choices."""
        within = dict(values)
        for name, choices in (
            ("resolution", list(reversed(self.resolutions))),
            ("output_format", self.formats),
        ):
            if choices and within.get(name) not in choices:
                within[name] = choices[0]
        if within.get("preset") not in self.presets:
            within["preset"] = ""
        within["num_frames"] = str(min(int(within["num_frames"]), self.num_frames.maximum))
        return within


def options_for(team: Team, descriptor: ModelDescriptor, *, fps: str = "") -> PlanOptions:
    """Return the options of a team for a model, in one query.

    fps: the rate in the form, on which the allowed number of frames depends; the default if the model has no such rate.
    """
    effective_limits = effective_limits_of(team)
    rates = range(descriptor.fps.minimum, descriptor.fps.maximum + 1, descriptor.fps.step)
    rate = {str(each): each for each in rates}.get(fps, descriptor.fps.default)
    exceeded = {
        name: " · ".join(_exceeded_limits(descriptor, preset, effective_limits))
        for name, preset in descriptor.presets.items()
    }
    offered = {each.name: each for each in offered_models()}
    options = PlanOptions(
        plan=effective_limits.plan,
        descriptor=descriptor,
        models=_allowed(offered, effective_limits.allowed_models),
        presets=[name for name, limits in exceeded.items() if not limits],
        resolutions=allowed_resolutions(descriptor, effective_limits),
        formats=_allowed({name: name for name in OUTPUT_FORMATS}, effective_limits.allowed_formats),
        num_frames=descriptor.num_frames.up_to(max_frames(descriptor, effective_limits, rate)),
        hints={},
        exceeded=exceeded,
    )
    return replace(options, hints=_hints(options, effective_limits, rate, len(offered)))


def _hints(options: PlanOptions, effective_limits: EffectiveLimits, fps: int, model_count: int) -> dict[str, str]:
    """Return the hint for each field that the plan limits."""
    rest = _("Your team's plan (%(plan)s) does not include the other options.")
    hint_by_field = {}
    if len(options.models) < model_count:
        hint_by_field["model"] = rest % {"plan": options.plan}
    if len(options.formats) < len(OUTPUT_FORMATS):
        hint_by_field["output_format"] = rest % {"plan": options.plan}
    descriptor = options.descriptor
    if len(options.resolutions) < len(descriptor.sizes.resolutions):
        maximum = {"plan": options.plan, "limit": _max_size_name(descriptor, effective_limits)}
        hint_by_field["resolution"] = _("Your team's plan (%(plan)s) allows up to %(limit)s.") % maximum
    if options.num_frames != descriptor.num_frames:
        hint_by_field["num_frames"] = _(
            "Your team's plan (%(plan)s) allows up to %(seconds)s s: %(frames)s frames at %(fps)s fps."
        ) % {
            "plan": options.plan,
            "seconds": f"{effective_limits.max_seconds:g}",
            "frames": max_frames(descriptor, effective_limits, fps),
            "fps": fps,
        }
    return hint_by_field


def _max_size_name(descriptor: ModelDescriptor, effective_limits: EffectiveLimits) -> str:
    """Return the name of the highest allowed resolution, or the number of pixels if all named ones are higher."""
    pixels = _("%(pixels)s pixels") % {"pixels": f"{effective_limits.max_pixels or 0:,}"}
    return next(reversed(allowed_resolutions(descriptor, effective_limits)), pixels)


def _allowed(choices: dict[str, Choice], names: tuple[str, ...] | None) -> list[Choice]:
    return [choice for name, choice in choices.items() if names is None or name in names]


def _exceeded_limits(descriptor: ModelDescriptor, preset: Preset, effective_limits: EffectiveLimits) -> list[str]:
    """Return the limits of the plan that the preset exceeds. A limit that is None allows everything."""
    reasons = []
    if preset.resolution not in allowed_resolutions(descriptor, effective_limits):
        reasons.append(_("up to %(limit)s") % {"limit": _max_size_name(descriptor, effective_limits)})
    limit = max_frames(descriptor, effective_limits, preset.fps or descriptor.fps.default)
    if limit is not None and preset.num_frames > limit:
        reasons.append(_("up to %(seconds)s s") % {"seconds": f"{effective_limits.max_seconds:g}"})
    if effective_limits.allowed_priorities is not None and preset.priority not in effective_limits.allowed_priorities:
        reasons.append(str(_PRIORITY_MESSAGES[preset.priority]))
    return reasons
