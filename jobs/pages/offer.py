"""What the Create page offers: of everything that there is, what the plan of the team allows."""

from dataclasses import dataclass, replace
from typing import TypeVar

from django.utils.translation import gettext as _

from accounts.models import Team
from accounts.quota.allowance import Allowance, allowance_of
from inference import limits
from inference.catalogue import ModelSpec
from inference.presets import PRESETS, Preset
from inference.sizes import RESOLUTIONS
from jobs.pages.form import Values, enabled_models

Choice = TypeVar("Choice")
_FORMATS = ("mp4", "gif")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """`missing` says for what there is no choice, and why; empty where the plan allows everything."""

    models: list[ModelSpec]
    presets: list[Preset]
    resolutions: list[str]
    formats: list[str]
    num_frames: limits.Range[int]
    steps: limits.Range[int]
    missing: str

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
    resolutions = [name for name, each in RESOLUTIONS.items() if side is None or each <= side]
    models = _allowed({spec.name: spec for spec in enabled_models()}, allowance.allowed_models)
    formats = _allowed({name: name for name in _FORMATS}, allowance.allowed_formats)
    num_frames, steps = _capped(limits.NUM_FRAMES, allowance.max_frames), _capped(limits.STEPS, allowance.max_steps)
    offer = Offer(
        models=models,
        presets=[preset for preset in PRESETS.values() if _fits(preset, allowance)],
        resolutions=resolutions,
        formats=formats,
        num_frames=num_frames,
        steps=steps,
        missing="",
    )
    everything = (enabled_models(), list(PRESETS.values()), list(RESOLUTIONS), list(_FORMATS))
    if (models, offer.presets, resolutions, formats) == everything and (num_frames, steps) == (
        limits.NUM_FRAMES,
        limits.STEPS,
    ):
        return offer
    return replace(
        offer, missing=_("The plan of your team (%(plan)s) does not have the rest.") % {"plan": allowance.plan}
    )


def _allowed(choices: dict[str, Choice], names: tuple[str, ...] | None) -> list[Choice]:
    return [choice for name, choice in choices.items() if names is None or name in names]


def _capped(allowed: limits.Range[int], most: int | None) -> limits.Range[int]:
    return allowed if most is None or most >= allowed.maximum else limits.Range(min(allowed.minimum, most), most)


def _fits(preset: Preset, allowance: Allowance) -> bool:
    """Whether all that the preset asks for is allowed; what is None allows everything."""
    bounds = (
        (RESOLUTIONS[preset.resolution], allowance.max_resolution),
        (preset.num_frames, allowance.max_frames),
        (preset.steps, allowance.max_steps),
    )
    is_small = all(most is None or value <= most for value, most in bounds)
    return is_small and (allowance.allowed_priorities is None or preset.priority in allowance.allowed_priorities)
