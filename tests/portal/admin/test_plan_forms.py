"""The forms of plans and overrides: the range of each limit, and what an empty field means."""

from typing import Any

import pytest
from django.utils import translation

from accounts.quota.models import Plan
from portal.admin.plan_forms import _INTEGER_FIELDS, _MULTIPLE_CHOICE_FIELDS, LIMIT_FIELDS, OverrideForm, PlanForm
from tests.support.people import Person

REQUIRED = {"name": "studio", "weight": "1", "max_running": "4", "max_queued": "50", "rollover": "False"}


def plan_form(**changes: Any) -> PlanForm:
    return PlanForm({**REQUIRED, **changes})


def test_there_is_a_field_for_each_limit() -> None:
    assert set(PlanForm().fields) == {"name", *LIMIT_FIELDS}
    assert set(OverrideForm().fields) == {"team", "reason", *LIMIT_FIELDS}


@pytest.mark.parametrize("name", _INTEGER_FIELDS)
def test_the_range_of_a_limit(name: str, db: None) -> None:
    limits = _INTEGER_FIELDS[name]
    for number, is_valid in {
        limits.minimum: True,
        limits.maximum: True,
        limits.minimum - 1: False,
        limits.maximum + 1: False,
    }.items():
        assert (name not in plan_form(**{name: str(number)}).errors) is is_valid, number


@pytest.mark.parametrize("value", ["x", "1.5", "9" * 5000, "-1", "NaN"])
def test_what_is_no_number_is_rejected(value: str, db: None) -> None:
    assert "max_running" in plan_form(max_running=value).errors


@pytest.mark.parametrize("name", ["weight", "max_running", "max_queued", "name"])
def test_a_plan_needs_these(name: str, db: None) -> None:
    assert set(plan_form(**{name: ""}).errors) == {name}


@pytest.mark.parametrize("name", _MULTIPLE_CHOICE_FIELDS)
def test_nothing_selected_allows_all(name: str, db: None) -> None:
    form = plan_form(**{name: []})
    assert form.is_valid(), form.errors
    assert form.cleaned_data[name] is None


@pytest.mark.parametrize("name", _MULTIPLE_CHOICE_FIELDS)
def test_choices_are_stored_and_others_rejected(name: str, db: None) -> None:
    first = _MULTIPLE_CHOICE_FIELDS[name][0][0]
    form = plan_form(**{name: [first]})
    assert form.is_valid(), form.errors
    assert form.cleaned_data[name] == [first]
    assert name in plan_form(**{name: ["nothing"]}).errors


@pytest.mark.parametrize(("text", "value"), [("True", True), ("False", False)])
def test_what_happens_to_unused_credits(text: str, value: bool, db: None) -> None:
    form = plan_form(rollover=text)
    assert form.is_valid(), form.errors
    assert form.save().rollover is value


def test_a_saved_plan_has_the_limits(db: None) -> None:
    form = plan_form(monthly_credits="500", max_pixels="262144", max_seconds="1.5")
    assert form.is_valid(), form.errors
    form.save()
    plan = Plan.objects.get(name="studio")
    assert (plan.max_running, plan.monthly_credits, plan.videos_per_day) == (4, 500, None)
    assert (plan.max_pixels, plan.max_seconds) == (262_144, 1.5)


@pytest.mark.parametrize(
    ("text", "is_valid"), [("", True), ("0.1", True), ("5", True), ("0.05", False), ("9999", False), ("NaN", False)]
)
def test_the_length_is_between_those_of_the_shortest_and_the_longest_video(text: str, is_valid: bool, db: None) -> None:
    form = plan_form(max_seconds=text)
    assert ("max_seconds" not in form.errors) is is_valid
    assert "from 0.1 to " in str(form.fields["max_seconds"].help_text)


def test_pixels_are_named_by_resolutions_and_those_of_the_plan_stay(db: None) -> None:
    def choices(form: PlanForm) -> dict[Any, Any]:
        return dict(form.fields["max_pixels"].choices)  # type: ignore[attr-defined]

    assert choices(PlanForm())[""] == "no limit"
    assert choices(PlanForm())[262_144] == "512p (262,144 pixels)"
    assert "max_pixels" in plan_form(max_pixels="16384").errors
    plan = Plan.objects.create(name="small", max_pixels=16_384)
    form = PlanForm({**REQUIRED, "max_pixels": "16384"}, instance=plan)
    assert choices(form)[16_384] == "16,384 pixels"
    assert form.is_valid(), form.errors
    assert form.save().max_pixels == 16_384
    with translation.override("zh-hans"):
        assert choices(PlanForm())[262_144] == "512p (262,144 像素)"
        assert "121 帧" in str(PlanForm().fields["max_seconds"].help_text)


def test_an_empty_override_leaves_the_plan_as_it_is(alice: Person) -> None:
    form = OverrideForm({"team": alice.team.pk, "reason": "a launch", "max_running": "9"})
    assert form.is_valid(), form.errors
    override = form.save()
    assert (override.max_running, override.max_queued, override.rollover, override.allowed_models) == (
        9,
        None,
        None,
        None,
    )


def test_an_override_needs_a_team(db: None) -> None:
    assert set(OverrideForm({"reason": "a launch"}).errors) == {"team"}
