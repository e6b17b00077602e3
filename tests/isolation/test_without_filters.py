"""The second wall alone: with every filter by team taken out of the code, still no foreign row is seen or written."""

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
from tests.isolation.test_matrix import Caller, address_of, leaks, of_alice
from tests.isolation.world import MARKER, World


def rows_of(team: Team) -> dict[str, list[Any]]:
    """A team's rows in every walled table, as text."""
    found = {}
    with tenancy.unscoped(), connection.cursor() as cursor:
        for policy in row_policies():
            # Tables that hang on another's rows are Alice's alone in this world.
            of_team = f"WHERE team_id = {team.pk}" if "current_setting" in policy.expression else ""
            cursor.execute(f"SELECT t::text FROM {policy.table} t {of_team} ORDER BY 1")  # noqa: S608
            found[policy.table] = cursor.fetchall()
    return found


def mallorys(world: World) -> list[Caller]:
    return [Caller("mallory", person=world.mallory), Caller("key", headers=world.mallory.key_headers())]


def test_the_filters_are_really_out(world: World, careless: None) -> None:
    """Without the wall, this test's careless code shows Alice's videos: what follows would notice."""
    assert set(Job.objects.for_team(world.mallory.team)) == {world.done, world.queued}
    tenancy.activate(team_id=world.mallory.team.pk, user_id=world.mallory.user.pk)
    assert set(Job.objects.for_team(world.mallory.team)) == set()


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_no_foreign_row_is_seen_or_written(route: str, world: World, careless: None) -> None:
    callers = mallorys(world)
    before = rows_of(world.owner.team)
    address = address_of(route, of_alice(world))
    addresses = [address]
    if route in QUERIES:
        addresses.append(f"{address}?{QUERIES[route].format(**of_alice(world))}")
    for caller in callers:
        for method in METHODS:
            for asked in addresses:
                answer = caller.ask(method, asked, look=lambda: rows_of(world.owner.team) == before)
                assert leaks(answer, world, asked) == [], f"{method} {asked} as {caller.name}"
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


def test_every_table_of_a_team_is_walled_or_named_with_a_reason() -> None:
    walled = {policy.table for policy in row_policies()}
    unwalled = [
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
        if model._meta.db_table not in walled and model._meta.label not in EXEMPT_MODELS
        if team_column(model) or _belongs_to(model, walled)
    ]
    assert unwalled == [], (
        "These belong to a team: name them in THROUGH or, with a reason, in EXEMPT of accounts/tenancy/policies.py: "
        f"{unwalled}"
    )
    assert all(EXEMPT_MODELS.values())
    assert {*EXEMPT_MODELS, *PARENT_FIELDS} <= {
        model._meta.label for model in apps.get_models(include_auto_created=True)
    }


def _belongs_to(model: type[models.Model], walled: set[str]) -> bool:
    """Whether a row hangs on a row of a walled table, and so on a team."""
    return any(
        isinstance(field, models.ForeignKey) and not field.null and field.remote_field.model._meta.db_table in walled
        for field in model._meta.concrete_fields
    )


def test_the_database_has_all_walls(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.tablename, p.policyname, p.roles::text, c.relrowsecurity FROM pg_policies p"
            " JOIN pg_class c ON c.relname = p.tablename AND c.relnamespace = p.schemaname::regnamespace"
        )
        found = set(cursor.fetchall())
    assert found == {(policy.table, policy.name, "{mutoscope_tenant}", True) for policy in row_policies()}
