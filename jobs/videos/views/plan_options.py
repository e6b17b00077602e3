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
from jobs.videos.submission import enabled_models
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
    """The allowed choices for a model. steps: None if it has none.

    hints: the limits of the plan by field. exceeded: the limits that exclude a preset, by its name.
    """

    plan: str
    descriptor: ModelDescriptor
    models: list[ModelDescriptor]
    presets: list[str]
    resolutions: list[str]
    formats: list[str]
    num_frames: IntegerRange
    steps: IntegerRange | None
    hints: dict[str, str]
    exceeded: dict[str, str]

    def clamp(self, values: FormValues) -> FormValues:
        """Return initial values of the form, changed to allowed choices."""
        within = dict(values)
        for name, choices in (
            ("model", [descriptor.name for descriptor in self.models]),
            ("resolution", list(reversed(self.resolutions))),
            ("output_format", self.formats),
        ):
            if choices and within.get(name) not in choices:
                within[name] = choices[0]
        if within.get("preset") not in self.presets:
            within["preset"] = ""
        for name, allowed in (("num_frames", self.num_frames), ("steps", self.steps)):
            if allowed is not None:
                within[name] = str(min(int(within[name]), allowed.maximum))
        return within


def options_for(team: Team, descriptor: ModelDescriptor) -> PlanOptions:
    """Return the options of a team for a model, in one query."""
    effective_limits = effective_limits_of(team)
    resolutions = descriptor.sizes.resolutions
    exceeded = {
        name: " · ".join(_exceeded_limits(descriptor, preset, effective_limits))
        for name, preset in descriptor.presets.items()
    }
    options = PlanOptions(
        plan=effective_limits.plan,
        descriptor=descriptor,
        models=_allowed(
            {descriptor.name: descriptor for descriptor in enabled_models()}, effective_limits.allowed_models
        ),
        presets=[name for name, limits in exceeded.items() if not limits],
        resolutions=[name for name in resolutions if not _is_too_large(descriptor, name, effective_limits)],
        formats=_allowed({name: name for name in OUTPUT_FORMATS}, effective_limits.allowed_formats),
        num_frames=descriptor.num_frames.up_to(effective_limits.max_frames),
        steps=descriptor.steps.up_to(effective_limits.max_steps) if descriptor.steps else None,
        hints={},
        exceeded=exceeded,
    )
    return replace(options, hints=_hints(options, effective_limits))


def _hints(options: PlanOptions, effective_limits: EffectiveLimits) -> dict[str, str]:
    """Return the hint for each field that the plan limits."""
    rest = _("Your team's plan (%(plan)s) does not include the other options.")
    hint_by_field = {}
    if len(options.models) < len(enabled_models()):
        hint_by_field["model"] = rest % {"plan": options.plan}
    if len(options.formats) < len(OUTPUT_FORMATS):
        hint_by_field["output_format"] = rest % {"plan": options.plan}
    descriptor = options.descriptor
    if len(options.resolutions) < len(descriptor.sizes.resolutions):
        maximum = {"plan": options.plan, "limit": _max_resolution_name(descriptor, effective_limits)}
        hint_by_field["resolution"] = _("Your team's plan (%(plan)s) allows up to %(limit)s.") % maximum
    if options.num_frames != descriptor.num_frames:
        maximum = {"plan": options.plan, "limit": str(options.num_frames.maximum)}
        hint_by_field["num_frames"] = _("Your team's plan (%(plan)s) allows up to %(limit)s frames.") % maximum
    if options.steps is not None and options.steps != descriptor.steps:
        maximum = {"plan": options.plan, "limit": str(options.steps.maximum)}
        hint_by_field["steps"] = _("Your team's plan (%(plan)s) allows up to %(limit)s steps.") % maximum
    return hint_by_field


def _is_too_large(descriptor: ModelDescriptor, resolution: str, effective_limits: EffectiveLimits) -> bool:
    side = effective_limits.max_resolution
    return side is not None and descriptor.sizes.resolutions[resolution].pixels > side * side


def _max_resolution_name(descriptor: ModelDescriptor, effective_limits: EffectiveLimits) -> str:
    """Return the name of the highest allowed resolution, or the size itself if all named ones are higher."""
    side = effective_limits.max_resolution or 0
    allowed = (
        name for name in reversed(descriptor.sizes.resolutions) if not _is_too_large(descriptor, name, effective_limits)
    )
    return next(allowed, f"{side}x{side}")


def _allowed(choices: dict[str, Choice], names: tuple[str, ...] | None) -> list[Choice]:
    return [choice for name, choice in choices.items() if names is None or name in names]


def _exceeded_limits(descriptor: ModelDescriptor, preset: Preset, effective_limits: EffectiveLimits) -> list[str]:
    """Return the limits of the plan that the preset exceeds. A limit that is None allows everything."""
    reasons = []
    if _is_too_large(descriptor, preset.resolution, effective_limits):
        reasons.append(_("up to %(limit)s") % {"limit": _max_resolution_name(descriptor, effective_limits)})
    bounds = (
        (
            preset.num_frames,
            effective_limits.max_frames,
            _("up to %(limit)s frames") % {"limit": effective_limits.max_frames},
        ),
        (
            preset.steps or 0,
            effective_limits.max_steps,
            _("up to %(limit)s steps") % {"limit": effective_limits.max_steps},
        ),
    )
    reasons += [text for value, maximum, text in bounds if maximum is not None and value > maximum]
    if effective_limits.allowed_priorities is not None and preset.priority not in effective_limits.allowed_priorities:
        reasons.append(str(_PRIORITY_MESSAGES[preset.priority]))
    return reasons
