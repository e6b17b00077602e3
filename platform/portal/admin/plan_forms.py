"""The form of plans and overrides: every limit with its range, its choices and what it means."""

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.quota.models import Plan, PlanOverride
from jobs.models import Priority
from jobs.videos.submission import MODELS, RESOLUTIONS, limits  # type: ignore[attr-defined] # portal may not import inference

# name: label, help, least, most
_INTEGER_FIELDS: dict[str, tuple[Any, Any, int, int]] = {
    "weight": (
        _("GPU weight"),
        _("Of the GPUs against other teams when all are busy: 2 gets twice what 1 gets."),
        1,
        1000,
    ),
    "max_running": (_("Videos at once"), _("Made at the same time; the others wait."), 1, 10_000),
    "max_queued": (_("Videos waiting"), _("More are refused until some are done."), 0, 1_000_000),
    "monthly_credits": (_("Credits a month"), _("Granted on the first of each month, UTC."), 0, 1_000_000_000),
    "max_frames": (
        _("Frames"),
        _("Of the longest video, from %(minimum)s to %(maximum)s.")
        % {"minimum": limits.NUM_FRAMES.minimum, "maximum": limits.NUM_FRAMES.maximum},
        limits.NUM_FRAMES.minimum,
        limits.NUM_FRAMES.maximum,
    ),
    "max_steps": (_("Steps"), _("Of the finest video."), limits.STEPS.minimum, limits.STEPS.maximum),
    "requests_per_minute": (_("Requests a minute"), _("Of all keys and people of a team together."), 1, 1_000_000),
    "videos_per_day": (_("Videos a day"), _("From midnight to midnight, UTC."), 0, 1_000_000),
    "gpu_seconds_per_month": (_("GPU seconds a month"), _("Measured, not quoted."), 0, 1_000_000_000),
    "storage_bytes": (_("Storage in bytes"), _("1 GB is 1,000,000,000."), 0, 10**15),
    "retention_days": (_("Days kept"), _("A finished video is deleted after so many."), 1, 3650),
}
_MULTIPLE_CHOICE_FIELDS: dict[str, tuple[Any, Any, list[tuple[str, str]]]] = {
    "allowed_formats": (_("Formats"), _("None ticked allows all."), [("mp4", "MP4"), ("gif", "GIF")]),
    "allowed_priorities": (
        _("Priorities"),
        _("None ticked allows all."),
        [(priority.label, priority.label) for priority in Priority],
    ),
    "allowed_models": (
        _("Models"),
        _("None ticked allows all."),
        [(spec.name, spec.title) for spec in MODELS.values() if not spec.test_only],
    ),
}
_RESOLUTION_CHOICES = [(side, name) for name, side in RESOLUTIONS.items()]

LIMIT_FIELDS = ["weight", "max_running", "max_queued", "monthly_credits", "rollover", "max_resolution", "max_frames",
          "max_steps", *_MULTIPLE_CHOICE_FIELDS, "requests_per_minute", "videos_per_day", "gpu_seconds_per_month", "storage_bytes",
          "retention_days"]  # fmt: skip


def _integer_field(name: str) -> forms.IntegerField:
    label, help_text, minimum, maximum = _INTEGER_FIELDS[name]
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=False,
        validators=[MinValueValidator(minimum), MaxValueValidator(maximum)],
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": minimum, "max": maximum}),
    )


def _multiple_choice_field(name: str) -> forms.MultipleChoiceField:
    label, help_text, choices = _MULTIPLE_CHOICE_FIELDS[name]
    return forms.MultipleChoiceField(
        label=label,
        help_text=help_text,
        choices=choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class LimitsForm(forms.ModelForm):  # type: ignore[type-arg] # of plans and overrides alike
    """`nothing` is what an empty field means, `otherwise` where it means something else."""

    empty_text: Any = ""
    empty_text_by_field: dict[str, Any] = {}
    rollover_empty_choices: tuple[tuple[str, Any], ...] = ()
    required: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit_fields: dict[str, forms.Field] = {name: _integer_field(name) for name in _INTEGER_FIELDS} | {
            name: _multiple_choice_field(name) for name in _MULTIPLE_CHOICE_FIELDS
        }
        limit_fields["rollover"] = forms.TypedChoiceField(
            label=_("Credits left over"),
            help_text=_("What becomes of a month's grant when the month ends."),
            choices=[*self.rollover_empty_choices, ("False", _("end with the month")), ("True", _("live on"))],
            coerce=lambda text: text == "True",
            empty_value=None,
            required=False,
            widget=UnfoldAdminSelectWidget,
        )
        limit_fields["max_resolution"] = forms.TypedChoiceField(
            label=_("Resolution"),
            help_text=_("The largest, as the API names it."),
            choices=[("", self.empty_text), *_RESOLUTION_CHOICES],
            coerce=int,
            empty_value=None,
            required=False,
            widget=UnfoldAdminSelectWidget,
        )
        for name, field in limit_fields.items():
            if name not in self.fields:  # a page without the permission to change shows no fields
                continue
            field.required = name in self.required
            field.initial = self.fields[name].initial  # the model's default
            if not field.required:
                field.widget.attrs.setdefault("placeholder", self.empty_text_by_field.get(name, self.empty_text))
            self.fields[name] = field

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        # Nothing ticked is no empty list, which would allow nothing.
        return cleaned | {name: cleaned.get(name) or None for name in _MULTIPLE_CHOICE_FIELDS}


class PlanForm(LimitsForm):
    empty_text = _("without limit")
    empty_text_by_field = {"monthly_credits": _("none")}
    required = ("weight", "max_running", "max_queued")

    class Meta:
        model = Plan
        fields = ["name", *LIMIT_FIELDS]
        labels = {"name": _("Name")}
        widgets = {"name": UnfoldAdminTextInputWidget}


class OverrideForm(LimitsForm):
    empty_text = _("as the plan says")
    rollover_empty_choices = (("", empty_text),)

    class Meta:
        model = PlanOverride
        fields = ["team", "reason", *LIMIT_FIELDS]
        labels = {"team": _("Team"), "reason": _("Reason")}
