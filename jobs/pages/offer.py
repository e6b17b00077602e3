"""What the Create page offers: of everything that there is, what the plan of the team allows, and why not the rest."""

from dataclasses import dataclass, replace
from typing import TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Team
from accounts.quota.allowance import Allowance, allowance_of
from inference import limits
from inference.catalogue import ModelSpec
from inference.presets import PRESETS, Preset
from inference.sizes import RESOLUTIONS
from jobs.pages.form import Values, enabled_models

Choice = TypeVar("Choice")
FORMATS = ("mp4", "gif")
_WITHOUT_PRIORITY = {
    "low": gettext_lazy("no low priority"),
    "normal": gettext_lazy("no normal priority"),
    "high": gettext_lazy("no high priority"),
}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What may be chosen. The limits that keep the rest out are told by field in `hints`, and by preset in `beyond`."""

    plan: str
    models: list[ModelSpec]
    presets: list[Preset]
    resolutions: list[str]
    formats: list[str]
    num_frames: limits.Range[int]
    steps: limits.Range[int]
    hints: dict[str, str]
    beyond: dict[str, str]

    def clamped(self, values: Values) -> Values:
        """The values to begin with, brought within what is offered."""
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


def offer_to(team: Team) -> Offer:
    """In one query."""
    allowance = allowance_of(team)
    side = allowance.max_resolution
    beyond = {preset.name: " · ".join(_limits_below(preset, allowance)) for preset in PRESETS.values()}
    offer = Offer(
        plan=allowance.plan,
        models=_allowed({spec.name: spec for spec in enabled_models()}, allowance.allowed_models),
        presets=[preset for preset in PRESETS.values() if not beyond[preset.name]],
        resolutions=[name for name, each in RESOLUTIONS.items() if side is None or each <= side],
        formats=_allowed({name: name for name in FORMATS}, allowance.allowed_formats),
        num_frames=_capped(limits.NUM_FRAMES, allowance.max_frames),
        steps=_capped(limits.STEPS, allowance.max_steps),
        hints={},
        beyond=beyond,
    )
    return replace(offer, hints=_hints(offer, allowance))


def _hints(offer: Offer, allowance: Allowance) -> dict[str, str]:
    """What the plan says beside each field that it narrows."""
    rest = _("The plan of your team (%(plan)s) does not have the rest.")
    said = {}
    if len(offer.models) < len(enabled_models()):
        said["model"] = rest % {"plan": offer.plan}
    if len(offer.formats) < len(FORMATS):
        said["output_format"] = rest % {"plan": offer.plan}
    if len(offer.resolutions) < len(RESOLUTIONS):
        most = {"plan": offer.plan, "most": _largest(allowance)}
        said["resolution"] = _("The plan of your team (%(plan)s) allows up to %(most)s.") % most
    if offer.num_frames != limits.NUM_FRAMES:
        most = {"plan": offer.plan, "most": str(offer.num_frames.maximum)}
        said["num_frames"] = _("The plan of your team (%(plan)s) allows up to %(most)s frames.") % most
    if offer.steps != limits.STEPS:
        most = {"plan": offer.plan, "most": str(offer.steps.maximum)}
        said["steps"] = _("The plan of your team (%(plan)s) allows up to %(most)s steps.") % most
    return said


def _largest(allowance: Allowance) -> str:
    """The greatest resolution that is allowed; the size itself of a plan that allows none of those with a name."""
    side = allowance.max_resolution or 0
    return next((name for name, each in reversed(RESOLUTIONS.items()) if each <= side), f"{side}x{side}")


def _allowed(choices: dict[str, Choice], names: tuple[str, ...] | None) -> list[Choice]:
    return [choice for name, choice in choices.items() if names is None or name in names]


def _capped(allowed: limits.Range[int], most: int | None) -> limits.Range[int]:
    return allowed if most is None or most >= allowed.maximum else limits.Range(min(allowed.minimum, most), most)


def _limits_below(preset: Preset, allowance: Allowance) -> list[str]:
    """The limits of the plan that the preset goes beyond; what is None allows everything."""
    bounds = (
        (RESOLUTIONS[preset.resolution], allowance.max_resolution, _("up to %(most)s") % {"most": _largest(allowance)}),
        (preset.num_frames, allowance.max_frames, _("up to %(most)s frames") % {"most": allowance.max_frames}),
        (preset.steps, allowance.max_steps, _("up to %(most)s steps") % {"most": allowance.max_steps}),
    )
    below = [text for asked, most, text in bounds if most is not None and asked > most]
    if allowance.allowed_priorities is not None and preset.priority not in allowance.allowed_priorities:
        below.append(str(_WITHOUT_PRIORITY[preset.priority]))
    return below
