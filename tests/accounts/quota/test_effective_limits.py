"""The limits in force: the plan's, and over them the team's own."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from accounts.quota.effective_limits import effective_limits_of
from accounts.quota.models import Plan, PlanOverride
from accounts.teams.services import provision_team


@pytest.fixture
def team(db: None) -> Team:
    return provision_team(name="t", owner=User.objects.create_user("a@example.com"))


def test_without_an_override_the_plan_holds(team: Team) -> None:
    Plan.objects.update(max_frames=24, allowed_formats=["mp4"], rollover=True)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        effective_limits = effective_limits_of(team)
    assert len(queries) == 1
    assert (effective_limits.plan, effective_limits.weight, effective_limits.max_running) == ("standard", 1, 4)
    assert (effective_limits.max_frames, effective_limits.allowed_formats, effective_limits.rollover) == (
        24,
        ("mp4",),
        True,
    )
    assert (effective_limits.max_steps, effective_limits.allowed_models, effective_limits.storage_bytes) == (
        None,
        None,
        None,
    )


def test_an_override_wins_where_it_says_something(team: Team) -> None:
    Plan.objects.update(max_frames=24, max_steps=50, rollover=True, allowed_models=["camera"])
    PlanOverride.objects.create(team=team, weight=5, max_frames=0, rollover=False, allowed_models=[])
    effective_limits = effective_limits_of(team)
    assert (
        effective_limits.weight,
        effective_limits.max_frames,
        effective_limits.rollover,
        effective_limits.allowed_models,
    ) == (5, 0, False, ())
    assert (effective_limits.max_steps, effective_limits.max_running) == (50, 4)
