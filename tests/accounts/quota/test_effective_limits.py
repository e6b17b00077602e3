"""Effective limits: those of the plan, replaced by the team's override."""

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


def test_without_an_override_the_plan_applies(team: Team) -> None:
    Plan.objects.update(max_seconds=1.5, allowed_formats=["mp4"], rollover=True)
    with CaptureQueriesContext(connection) as queries:
        limits = effective_limits_of(team)
    assert len(queries) == 1
    assert (limits.plan, limits.weight, limits.max_running) == ("standard", 1, 4)
    assert (limits.max_seconds, limits.allowed_formats, limits.rollover) == (
        1.5,
        ("mp4",),
        True,
    )
    assert (limits.max_pixels, limits.allowed_models, limits.storage_bytes) == (
        None,
        None,
        None,
    )


def test_an_override_replaces_the_limits_that_it_sets(team: Team) -> None:
    Plan.objects.update(max_seconds=3, max_pixels=65_536, rollover=True, allowed_models=["camera"])
    PlanOverride.objects.create(team=team, weight=5, max_seconds=0, rollover=False, allowed_models=[])
    limits = effective_limits_of(team)
    assert (
        limits.weight,
        limits.max_seconds,
        limits.rollover,
        limits.allowed_models,
    ) == (5, 0, False, ())
    assert (limits.max_pixels, limits.max_running) == (65_536, 4)
