"""The limits in force: the plan's, and over them the team's own."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from accounts.quota.allowance import allowance_of
from accounts.quota.models import Plan, PlanOverride
from accounts.services import create_team


@pytest.fixture
def team(db: None) -> Team:
    return create_team(name="t", owner=User.objects.create_user("a@example.com"))


def test_without_an_override_the_plan_holds(team: Team) -> None:
    Plan.objects.update(max_frames=24, allowed_formats=["mp4"], rollover=True)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        allowance = allowance_of(team)
    assert len(queries) == 1
    assert (allowance.plan, allowance.weight, allowance.max_running) == ("standard", 1, 4)
    assert (allowance.max_frames, allowance.allowed_formats, allowance.rollover) == (24, ("mp4",), True)
    assert (allowance.max_steps, allowance.allowed_models, allowance.storage_bytes) == (None, None, None)


def test_an_override_wins_where_it_says_something(team: Team) -> None:
    Plan.objects.update(max_frames=24, max_steps=50, rollover=True, allowed_models=["camera"])
    PlanOverride.objects.create(team=team, weight=5, max_frames=0, rollover=False, allowed_models=[])
    allowance = allowance_of(team)
    assert (allowance.weight, allowance.max_frames, allowance.rollover, allowance.allowed_models) == (5, 0, False, ())
    assert (allowance.max_steps, allowance.max_running) == (50, 4)
