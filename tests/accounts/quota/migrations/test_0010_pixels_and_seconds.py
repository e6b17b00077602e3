"""The migration on plans and overrides with limits, in both directions."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.audit.models import AuditEntry, Verb
from accounts.models import Team, User
from accounts.teams.services import provision_team

pytestmark = pytest.mark.django_db

FORMER, PRESENT = [("quota", "0009_last_job_id")], [("quota", "0010_pixels_and_seconds")]


def migrate(targets: list[tuple[str, str]]) -> Apps:
    """Migrate in the transaction of the test. Return the models at that state."""
    with connection.cursor() as cursor:
        # Checks of foreign keys that are still to be done would prevent changes of the tables.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    MigrationExecutor(connection).migrate(targets)
    apps: Apps = MigrationExecutor(connection).loader.project_state(targets).apps
    return apps


def limits(model: Any) -> list[tuple[Any, ...]]:
    names = ("max_resolution", "max_frames", "max_steps", "max_pixels", "max_seconds")
    own = [name for name in names if name in {field.name for field in model._meta.get_fields()}]
    return list(model.objects.order_by("pk").values_list(*own))


@pytest.fixture
def team() -> Iterator[Team]:
    yield provision_team(name="Reel", owner=User.objects.create_user("mia@example.com"))


def test_limits_keep_their_meaning(team: Team) -> None:
    apps = migrate(FORMER)
    plan, override = apps.get_model("quota", "Plan"), apps.get_model("quota", "PlanOverride")
    plan.objects.update(max_resolution=512, max_frames=12, max_steps=50)
    plan.objects.create(name="large", max_resolution=32_767)
    plan.objects.create(name="open", max_steps=30)
    override.objects.create(team_id=team.pk, max_frames=0)

    apps = migrate(PRESENT)
    plan, override = apps.get_model("quota", "Plan"), apps.get_model("quota", "PlanOverride")
    assert limits(plan) == [(262_144, 1.5), (32_767**2, None), (None, None)]
    assert limits(override) == [(None, 0)]

    plan.objects.filter(name="open").update(max_pixels=399_360, max_seconds=5.05)
    plan.objects.filter(name="large").update(max_pixels=2_147_483_647, max_seconds=100_000)
    apps = migrate(FORMER)
    assert limits(apps.get_model("quota", "Plan")) == [
        (512, 12, None),
        (32_767, 32_767, None),
        (631, 40, None),
    ]
    assert limits(apps.get_model("quota", "PlanOverride")) == [(None, 0, None)]


def test_the_tables_are_audited_afterwards(team: Team) -> None:
    migrate(FORMER)
    apps = migrate(PRESENT)
    apps.get_model("quota", "PlanOverride").objects.create(team_id=team.pk, max_pixels=65_536)
    entry = AuditEntry.objects.filter(model="quota.PlanOverride", verb=Verb.INSERT).get()
    assert entry.team == team
    assert entry.changes["max_pixels"] == [None, 65_536]
