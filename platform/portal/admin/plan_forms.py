"""Forms of plans and overrides: every limit with its range, its choices and an explanation."""

import math
from typing import Any, NamedTuple

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.quota.models import Plan, PlanOverride
from jobs.videos.model_choices import model_choices, pixel_choices, seconds_range
from portal.admin.priorities import PRIORITY_LABELS


class _Range(NamedTuple):
    help_text: Any
    minimum: int
    maximum: int


_INTEGER_FIELDS = {
    "weight": _Range(
        _("Share of the GPUs when all are busy: a team with weight 2 gets twice as much as one with weight 1."), 1, 1000
    ),
    "max_running": _Range(_("Videos that run at the same time. Further videos wait in the queue."), 1, 10_000),
    "max_queued": _Range(_("Further requests are rejected until queued videos have started."), 0, 1_000_000),
    "monthly_credits": _Range(_("Granted on the first of each month, UTC."), 0, 1_000_000_000),
    "requests_per_minute": _Range(_("All API keys and people of the team together."), 1, 1_000_000),
    "videos_per_day": _Range(_("From midnight to midnight, UTC."), 0, 1_000_000),
    "gpu_seconds_per_month": _Range(_("Measured time, not the quoted one."), 0, 1_000_000_000),
    "storage_bytes": _Range(_("1 GB is 1,000,000,000 bytes."), 0, 10**15),
    "retention_days": _Range(_("Finished videos are deleted after this number of days."), 1, 3650),
}
_MULTIPLE_CHOICE_FIELDS: dict[str, list[tuple[str, Any]]] = {
    "allowed_formats": [("mp4", "MP4"), ("gif", "GIF")],
    "allowed_priorities": [(priority.label, label) for priority, label in PRIORITY_LABELS.items()],
    "allowed_models": model_choices(),
}

LIMIT_FIELDS = [
    "weight", "max_running", "max_queued", "monthly_credits", "rollover", "max_pixels", "max_seconds",
    *_MULTIPLE_CHOICE_FIELDS, "requests_per_minute", "videos_per_day", "gpu_seconds_per_month", "storage_bytes",
    "retention_days",
]  # fmt: skip


def _integer_field(name: str) -> forms.IntegerField:
    help_text, minimum, maximum = _INTEGER_FIELDS[name]
    return forms.IntegerField(
        # Formatted here and not at import, when the language of the request is unknown.
        help_text=str(help_text) % {"minimum": minimum, "maximum": maximum},
        required=False,
        validators=[MinValueValidator(minimum), MaxValueValidator(maximum)],
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": minimum, "max": maximum}),
    )


def _seconds_field() -> forms.FloatField:
    # To a tenth of a second, outward.
    minimum, maximum = math.floor(seconds_range().minimum * 10) / 10, math.ceil(seconds_range().maximum * 10) / 10
    help_text = _(
        "The longest video, from %(minimum)s to %(maximum)s seconds. What a model makes of this length is allowed, "
        "such as 121 frames at 24 frames per second for 5 seconds."
    )
    return forms.FloatField(
        help_text=str(help_text) % {"minimum": f"{minimum:g}", "maximum": f"{maximum:g}"},
        required=False,
        min_value=minimum,
        max_value=maximum,
        widget=UnfoldAdminDecimalFieldWidget,
    )


def _pixel_choices(current: int | None) -> list[tuple[int, str]]:
    """Return the numbers of pixels of all resolutions, and the current one if it is another."""
    names = pixel_choices()
    if current is not None:
        names.setdefault(current, "")
    return [(pixels, _pixel_label(pixels, names[pixels])) for pixels in sorted(names)]


def _pixel_label(pixels: int, name: str) -> str:
    text = _("%(pixels)s pixels") % {"pixels": f"{pixels:,}"}
    return f"{name} ({text})" if name else text


def _multiple_choice_field(name: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        help_text=_("If none is selected, all are allowed."),
        choices=_MULTIPLE_CHOICE_FIELDS[name],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class LimitsForm(forms.ModelForm):  # type: ignore[type-arg] # of plans and overrides alike
    """Form with one field per limit, labelled with the verbose names of the model.

    `empty_text` says what an empty field means, `empty_text_by_field` where it means something else.
    """

    empty_text: Any = ""
    empty_text_by_field: dict[str, Any] = {}
    rollover_empty_choices: tuple[tuple[str, Any], ...] = ()
    required_fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self._limit_fields().items():
            if name not in self.fields:  # a page without the permission to change shows no fields
                continue
            field.label = capfirst(self._meta.model._meta.get_field(name).verbose_name)
            field.required = name in self.required_fields
            field.initial = self.fields[name].initial  # the model's default
            if not field.required:
                field.widget.attrs.setdefault("placeholder", self.empty_text_by_field.get(name, self.empty_text))
            self.fields[name] = field

    def _limit_fields(self) -> dict[str, forms.Field]:
        return {
            **{name: _integer_field(name) for name in _INTEGER_FIELDS},
            **{name: _multiple_choice_field(name) for name in _MULTIPLE_CHOICE_FIELDS},
            "rollover": forms.TypedChoiceField(
                help_text=_("What happens to unused monthly credits at the end of the month."),
                choices=[*self.rollover_empty_choices, ("False", _("they expire")), ("True", _("they remain"))],
                coerce=lambda text: text == "True",
                empty_value=None,
                required=False,
                widget=UnfoldAdminSelectWidget,
            ),
            "max_pixels": forms.TypedChoiceField(
                help_text=_("Width times height of a frame. The names are those of the models' resolutions."),
                choices=[("", self.empty_text), *_pixel_choices(self.instance.max_pixels)],
                coerce=int,
                empty_value=None,
                required=False,
                widget=UnfoldAdminSelectWidget,
            ),
            "max_seconds": _seconds_field(),
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        # Store NULL if nothing is selected: an empty list would allow nothing.
        return cleaned | {name: cleaned.get(name) or None for name in _MULTIPLE_CHOICE_FIELDS}


class PlanForm(LimitsForm):
    empty_text = _("no limit")
    empty_text_by_field = {"monthly_credits": _("none")}
    required_fields = ("weight", "max_running", "max_queued")

    class Meta:
        model = Plan
        fields = ["name", *LIMIT_FIELDS]
        widgets = {"name": UnfoldAdminTextInputWidget}


class OverrideForm(LimitsForm):
    empty_text = _("as in the plan")
    rollover_empty_choices = (("", empty_text),)

    class Meta:
        model = PlanOverride
        fields = ["team", "reason", *LIMIT_FIELDS]
