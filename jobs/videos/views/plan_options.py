"""The choices of the Create page that the plan of the team allows, and the limits that exclude the others."""

from dataclasses import dataclass, replace
from typing import TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Team
from accounts.quota.effective_limits import EffectiveLimits, effective_limits_of
from inference import limits
from inference.catalogue import ModelSpec
from inference.presets import PRESETS, Preset
from inference.sizes import RESOLUTIONS
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
    """The allowed choices. `hints`: the limits of the plan by field. `exceeded`: the limits that exclude a preset."""

    plan: str
    models: list[ModelSpec]
    presets: list[Preset]
    resolutions: list[str]
    formats: list[str]
    num_frames: limits.Range[int]
    steps: limits.Range[int]
    hints: dict[str, str]
    exceeded: dict[str, str]

    def clamp(self, values: FormValues) -> FormValues:
        """Return initial values of the form, changed to allowed choices."""
        within = dict(values)
        for name, choices in (
            ("model", [spec.name for spec in self.models]),
            ("resolution", list(reversed(self.resolutions))),
            ("output_format", self.formats),
        ):
            if choices and within.get(name) not in choices:
                within[name] = choices[0]
        if within.get("preset") not in [preset.name for preset in self.presets]:
            within["preset"] = ""
        for name, allowed in (("num_frames", self.num_frames), ("steps", self.steps)):
            within[name] = str(min(int(within[name]), allowed.maximum))
        return within


def options_for(team: Team) -> PlanOptions:
    """Return the options of a team, in one query."""
    effective_limits = effective_limits_of(team)
    side = effective_limits.max_resolution
    exceeded = {preset.name: " · ".join(_exceeded_limits(preset, effective_limits)) for preset in PRESETS.values()}
    options = PlanOptions(
        plan=effective_limits.plan,
        models=_allowed({spec.name: spec for spec in enabled_models()}, effective_limits.allowed_models),
        presets=[preset for preset in PRESETS.values() if not exceeded[preset.name]],
        resolutions=[name for name, each in RESOLUTIONS.items() if side is None or each <= side],
        formats=_allowed({name: name for name in OUTPUT_FORMATS}, effective_limits.allowed_formats),
        num_frames=_capped(limits.NUM_FRAMES, effective_limits.max_frames),
        steps=_capped(limits.STEPS, effective_limits.max_steps),
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
    if len(options.resolutions) < len(RESOLUTIONS):
        maximum = {"plan": options.plan, "limit": _max_resolution_name(effective_limits)}
        hint_by_field["resolution"] = _("Your team's plan (%(plan)s) allows up to %(limit)s.") % maximum
    if options.num_frames != limits.NUM_FRAMES:
        maximum = {"plan": options.plan, "limit": str(options.num_frames.maximum)}
        hint_by_field["num_frames"] = _("Your team's plan (%(plan)s) allows up to %(limit)s frames.") % maximum
    if options.steps != limits.STEPS:
        maximum = {"plan": options.plan, "limit": str(options.steps.maximum)}
        hint_by_field["steps"] = _("Your team's plan (%(plan)s) allows up to %(limit)s steps.") % maximum
    return hint_by_field


def _max_resolution_name(effective_limits: EffectiveLimits) -> str:
    """Return the name of the highest allowed resolution, or the size itself if all named ones are higher."""
    side = effective_limits.max_resolution or 0
    return next((name for name, each in reversed(RESOLUTIONS.items()) if each <= side), f"{side}x{side}")


def _allowed(choices: dict[str, Choice], names: tuple[str, ...] | None) -> list[Choice]:
    return [choice for name, choice in choices.items() if names is None or name in names]


def _capped(allowed: limits.Range[int], maximum: int | None) -> limits.Range[int]:
    return (
        allowed
        if maximum is None or maximum >= allowed.maximum
        else limits.Range(min(allowed.minimum, maximum), maximum)
    )


def _exceeded_limits(preset: Preset, effective_limits: EffectiveLimits) -> list[str]:
    """Return the limits of the plan that the preset exceeds. A limit that is None allows everything."""
    bounds = (
        (
            RESOLUTIONS[preset.resolution],
            effective_limits.max_resolution,
            _("up to %(limit)s") % {"limit": _max_resolution_name(effective_limits)},
        ),
        (
            preset.num_frames,
            effective_limits.max_frames,
            _("up to %(limit)s frames") % {"limit": effective_limits.max_frames},
        ),
        (preset.steps, effective_limits.max_steps, _("up to %(limit)s steps") % {"limit": effective_limits.max_steps}),
    )
    reasons = [text for value, maximum, text in bounds if maximum is not None and value > maximum]
    if effective_limits.allowed_priorities is not None and preset.priority not in effective_limits.allowed_priorities:
        reasons.append(str(_PRIORITY_MESSAGES[preset.priority]))
    return reasons
