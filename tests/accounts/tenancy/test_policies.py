"""Row policies: `migrate` brings those of the database to what the code declares."""

import dataclasses
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.db import connection

from accounts.tenancy import policies
from accounts.tenancy.policies import RowPolicy, row_policies, sync_policies

pytestmark = pytest.mark.django_db


def policies_of(role: str) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename, policyname FROM pg_policies WHERE roles = ARRAY[%s]::name[]", [role])
        return set(cursor.fetchall())


def declared() -> set[tuple[str, str]]:
    return {(policy.table, policy.name) for policy in row_policies()}


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("former_name", ["team_wall_0123456789ab", "team_policy_0123456789ab", "anything"])
def test_policies_of_earlier_releases_are_replaced(former_name: str) -> None:
    """An undeclared policy of the role would show more rows than the declared ones: policies are combined by OR."""
    policy = next(iter(row_policies()))
    execute(f"DROP POLICY {policy.name} ON {policy.table}")
    execute(f"CREATE POLICY {former_name} ON {policy.table} TO {site_settings.TENANT_ROLE} USING (true)")
    sync_policies("default")
    assert policies_of(site_settings.TENANT_ROLE) == declared()


def test_policies_of_other_roles_are_kept() -> None:
    policy = next(iter(row_policies()))
    execute("CREATE ROLE an_auditor")
    execute(f"CREATE POLICY audit ON {policy.table} TO an_auditor USING (true)")
    sync_policies("default")
    assert policies_of("an_auditor") == {(policy.table, "audit")}


def test_a_second_run_changes_nothing() -> None:
    before = policies_of(site_settings.TENANT_ROLE)
    sync_policies("default")
    assert policies_of(site_settings.TENANT_ROLE) == before == declared()


def test_a_changed_expression_replaces_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = next(iter(row_policies()))
    changed = dataclasses.replace(policy, expression="false")
    assert changed.name != policy.name
    monkeypatch.setattr(policies, "row_policies", lambda: iter([changed]))
    sync_policies("default")
    assert policies_of(site_settings.TENANT_ROLE) == {(changed.table, changed.name)}


def test_the_name_depends_on_the_role(settings: Any) -> None:
    """Otherwise a changed TENANT_ROLE would find the policies of the former role under its own names."""
    policy = RowPolicy("jobs_job", "true")
    before = policy.name
    settings.TENANT_ROLE = "another_role"
    assert policy.name != before
