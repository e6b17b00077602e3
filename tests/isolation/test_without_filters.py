"""The row policies alone: without the filters by team, no row of another team is read or written."""

from typing import Any

import pytest
from django.apps import apps
from django.db import Error, connection, models, transaction

from accounts import tenancy
from accounts.models import Team
from accounts.quota.models import LedgerEntry
from accounts.tenancy.policies import EXEMPT_MODELS, PARENT_FIELDS, row_policies, team_column
from jobs.models import Job, JobEvent
from tests.isolation.routes import METHODS, QUERIES, ROUTES
from tests.isolation.test_matrix import Caller, ids_of_owner, leaks, url_of
from tests.isolation.world import MARKER, World


def rows_of(team: Team) -> dict[str, list[Any]]:
    """Return a team's rows in every table with a row policy, as text."""
    found = {}
    with tenancy.unscoped(), connection.cursor() as cursor:
        for policy in row_policies():
            # Tables without a team column have only rows of the owner's team in this world.
            of_team = f"WHERE team_id = {team.pk}" if "current_setting" in policy.expression else ""
            cursor.execute(f"SELECT t::text FROM {policy.table} t {of_team} ORDER BY 1")  # noqa: S608
            found[policy.table] = cursor.fetchall()
    return found


def callers_of_mallory(world: World) -> list[Caller]:
    return [Caller("mallory", person=world.mallory), Caller("key", headers=world.mallory.key_headers())]


def test_the_filters_are_really_removed(world: World, without_filters: None) -> None:
    """Without row policies, the code without filters returns the owner's videos, so the next tests can fail."""
    assert set(Job.objects.for_team(world.mallory.team)) == {world.done, world.queued}
    tenancy.activate(team_id=world.mallory.team.pk, user_id=world.mallory.user.pk)
    assert set(Job.objects.for_team(world.mallory.team)) == set()


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_no_foreign_row_is_seen_or_written(route: str, world: World, without_filters: None) -> None:
    callers = callers_of_mallory(world)
    before = rows_of(world.owner.team)
    url = url_of(route, ids_of_owner(world))
    urls = [url]
    if route in QUERIES:
        urls.append(f"{url}?{QUERIES[route].format(**ids_of_owner(world))}")
    for caller in callers:
        for method in METHODS:
            for asked in urls:
                response = caller.request(method, asked, observe=lambda: rows_of(world.owner.team) == before)
                assert leaks(response, world, asked) == [], f"{method} {asked} as {caller.name}"
                assert caller.seen, f"{method} {asked} as {caller.name} changed a row of Alice's"


def test_no_foreign_row_can_be_written(world: World) -> None:
    tenancy.activate(team_id=world.mallory.team.pk, user_id=world.mallory.user.pk)
    assert Job.objects.update(prompt="taken") == Job.objects.all().delete()[0] == 0
    assert JobEvent.objects.filter(job=world.done).delete()[0] == 0
    for write in (
        lambda: LedgerEntry.objects.create(team=world.owner.team, kind="grant", balance_delta=1, reserved_delta=0),
        lambda: JobEvent.objects.create(job=world.queued, kind="hers"),
    ):
        with pytest.raises(Error, match="row-level security"), transaction.atomic():
            write()
    tenancy.deactivate()
    assert Job.objects.filter(prompt__contains=MARKER).count() == 2


def test_every_table_of_a_team_has_a_row_policy_or_a_reason() -> None:
    protected = {policy.table for policy in row_policies()}
    unprotected = [
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
        if model._meta.db_table not in protected and model._meta.label not in EXEMPT_MODELS
        if team_column(model) or _belongs_to(model, protected)
    ]
    assert unprotected == [], (
        "These belong to a team: name them in THROUGH or, with a reason, in EXEMPT of accounts/tenancy/policies.py: "
        f"{unprotected}"
    )
    assert all(EXEMPT_MODELS.values())
    assert {*EXEMPT_MODELS, *PARENT_FIELDS} <= {
        model._meta.label for model in apps.get_models(include_auto_created=True)
    }


def _belongs_to(model: type[models.Model], protected: set[str]) -> bool:
    """Whether a row hangs on a row of a protected table, and so on a team."""
    return any(
        isinstance(field, models.ForeignKey) and not field.null and field.remote_field.model._meta.db_table in protected
        for field in model._meta.concrete_fields
    )


def test_the_database_has_all_row_policies(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.tablename, p.policyname, p.roles::text, c.relrowsecurity FROM pg_policies p"
            " JOIN pg_class c ON c.relname = p.tablename AND c.relnamespace = p.schemaname::regnamespace"
        )
        found = set(cursor.fetchall())
    assert found == {(policy.table, policy.name, "{mutoscope_tenant}", True) for policy in row_policies()}
