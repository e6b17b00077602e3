"""Triggers record each change of an audited row, no matter how it is made."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pgtrigger
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import Error, connection, transaction
from django.db.models import BinaryField
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from accounts.audit.models import CHANGED, AuditEntry, Difference, Verb
from accounts.audit.services import purge, record
from accounts.audit.triggers import AuditTrigger, drop_former_triggers
from accounts.auth.impersonation import Access, impersonation
from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Membership, Team, User
from accounts.quota.models import Plan, Wallet
from accounts.quota.services import grant
from accounts.roles import Role
from accounts.teams.services import ensure_personal_team
from common.clock import DatabaseNow
from jobs.models import Worker
from portal import urls as site_urls
from tests.support.administrators import run_action
from tests.support.people import PASSWORD, Person, make_user
from tests.support.workers import wait_until


@pytest.fixture
def owner(db: None) -> User:
    return make_user("alice@example.com")


@pytest.fixture
def team(owner: User) -> Team:
    return ensure_personal_team(user=owner)


def entries(model: type[Any], verb: Verb = Verb.UPDATE) -> Any:
    return AuditEntry.objects.filter(model=model._meta.label, verb=verb).order_by("id")


def test_save_update_bulk_and_plain_sql_are_all_recorded(team: Team) -> None:
    team.name = "By save"
    team.save()
    Team.objects.filter(pk=team.pk).update(name="By update")
    team.name = "By bulk"
    Team.objects.bulk_update([team], ["name"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_team SET name = 'By hand' WHERE id = %s", [team.pk])
    names = ["alice", "By save", "By update", "By bulk", "By hand"]
    assert [entry.changes for entry in entries(Team)] == [{"name": list(pair)} for pair in pairwise(names)]
    assert {(entry.team_id, entry.row_id) for entry in entries(Team)} == {(team.pk, str(team.pk))}


def test_inserted_and_deleted_rows_are_recorded_in_full(team: Team) -> None:
    bob = User.objects.create_user("bob@example.com", PASSWORD)
    Membership.objects.bulk_create([Membership(team=team, user=bob, role=Role.VIEWER)])
    added = entries(Membership, Verb.INSERT).get(changes__user_id__1=bob.pk)
    assert (added.team_id, added.changes["role"]) == (team.pk, [None, "viewer"])
    Membership.objects.filter(user=bob).delete()
    removed = entries(Membership, Verb.DELETE).get()
    assert (removed.team_id, removed.row_id, removed.changes["role"]) == (team.pk, added.row_id, ["viewer", None])


def test_ignored_columns_are_not_recorded(team: Team, owner: User) -> None:
    key, _ = create_api_key(team=team, creator=owner, name="test")
    before = AuditEntry.objects.count()
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=key.created_at, last_used_ip="10.0.0.1")
    User.objects.update(last_login=key.created_at)
    grant(team=team, credits=5, reason="test")
    Team.objects.update(name=team.name)
    assert AuditEntry.objects.count() == before


def test_a_changed_plan_of_a_wallet_is_recorded_in_its_team(team: Team) -> None:
    old, plan = Wallet.objects.get(team=team).plan_id, Plan.objects.create(name="large")
    Wallet.objects.filter(team=team).update(plan=plan, balance=0)
    entry = entries(Wallet).get()
    assert (entry.team_id, entry.changes) == (team.pk, {"plan_id": [old, plan.pk]})


def test_no_secret_is_in_the_log(team: Team, owner: User) -> None:
    key, clear = create_api_key(team=team, creator=owner, name="test")
    owner.set_password("another-long-password")
    owner.save()
    hashes = [owner.password, bytes(ApiKey.objects.get(pk=key.pk).secret_sha256).hex()]
    written = repr(list(AuditEntry.objects.values()))
    for secret in [PASSWORD, "another-long-password", clear, clear.split("_", 2)[2], *hashes]:
        assert secret not in written
    entry = entries(User).get()
    assert entry.changes == {"password": CHANGED}
    assert entry.differences == [Difference("password", None, None, secret=True)]


AUDITED_MODELS = [
    "account.EmailAddress",
    "accounts.ApiKey",
    "accounts.Invitation",
    "accounts.Membership",
    "accounts.Team",
    "accounts.User",
    "accounts.User_groups",
    "auth.Group",
    "auth.Group_permissions",
    "desk.Announcement",
    "galleries.Collection",
    "galleries.PublicPage",
    "galleries.Publication",
    "galleries.ShareLink",
    "jobs.Worker",
    "licenses.LicenseAcceptance",
    "mfa.Authenticator",
    "quota.Plan",
    "quota.PlanOverride",
    "quota.Wallet",
    "socialaccount.SocialAccount",
    "webhooks.Endpoint",
]
_INSTALLED = """
SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname = 'mutoscope_audit' ORDER BY 1
"""


def installed_triggers() -> list[tuple[str, str, str]]:
    """Return table, name and definition of each trigger that writes the audit log."""
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED)
        found: list[tuple[str, str, str]] = cursor.fetchall()
    return found


def audit_triggers() -> dict[str, AuditTrigger]:
    """Return the trigger of each audited model."""
    registered: Any = pgtrigger.registered()
    return {
        model._meta.concrete_model._meta.label: trigger
        for model, trigger in registered
        if isinstance(trigger, AuditTrigger)
    }


def test_every_security_relevant_model_declares_its_trigger() -> None:
    assert sorted(audit_triggers()) == AUDITED_MODELS


@pytest.mark.django_db
def test_every_audited_table_has_one_trigger() -> None:
    installed = installed_triggers()
    tables = sorted(apps.get_model(label)._meta.db_table for label in AUDITED_MODELS)
    assert [table for table, _, _ in installed] == tables
    assert all(name.startswith("pgtrigger_audit_") for _, name, _ in installed)
    assert all("AFTER INSERT OR DELETE OR UPDATE" in definition for _, _, definition in installed)


@pytest.mark.django_db
def test_the_installed_triggers_are_those_declared() -> None:
    declared = {
        model._meta.db_table: trigger.render_execute(model).removeprefix("mutoscope_audit")
        for model, trigger in pgtrigger.registered()
        if trigger.name == "audit"
    }
    installed = {table: definition.rpartition("mutoscope_audit")[2] for table, _, definition in installed_triggers()}
    assert installed == declared
    assert declared["accounts_team"] == "('accounts.Team', 'id', 'id', '', '')"
    assert (
        declared["quota_wallet"]
        == "('quota.Wallet', 'team_id', 'team_id', 'balance,last_job_id,reserved,stored_bytes', '')"
    )
    assert declared["accounts_user"] == "('accounts.User', 'id', '', 'last_login', 'password')"


@pytest.mark.parametrize(
    ("label", "columns"),
    [
        ("account.EmailAddress", {"email": "new@example.com", "verified": True, "primary": False}),
        ("auth.Group", {"name": "Support"}),
    ],
)
def test_models_of_other_packages_are_recorded_under_their_own_names(
    label: str, columns: dict[str, Any], owner: User
) -> None:
    model = apps.get_model(label)
    row = model._default_manager.create(**columns, **({"user": owner} if "email" in columns else {}))
    model._default_manager.filter(pk=row.pk).delete()
    verbs = AuditEntry.objects.filter(model=label, row_id=str(row.pk)).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == [Verb.INSERT, Verb.DELETE]


def test_the_groups_of_a_person_are_recorded(owner: User) -> None:
    group = Group.objects.create(name="Support")
    owner.groups.add(group)
    owner.groups.clear()
    verbs = AuditEntry.objects.filter(model="accounts.User_groups").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == [Verb.INSERT, Verb.DELETE]


def test_pgtrigger_cannot_turn_the_audit_log_off(team: Team) -> None:
    before = entries(Team).count()
    with pgtrigger.ignore("accounts.Team:audit"):
        Team.objects.filter(pk=team.pk).update(name="unseen")
    assert entries(Team).count() == before + 1


def test_heartbeats_of_a_worker_are_not_recorded(db: None) -> None:
    worker = Worker.objects.create(name="w", pool="cpu", model="camera", device="cpu", last_heartbeat_at=DatabaseNow())
    before = AuditEntry.objects.count()
    Worker.objects.filter(pk=worker.pk).update(
        state="busy",
        last_heartbeat_at=DatabaseNow(),
        gpu_utilization_percent=97,
        vram_free_mb=5,
        jobs_done=3,
        last_error="x",
        last_error_params={"a": 1},
    )
    assert AuditEntry.objects.count() == before
    Worker.objects.filter(pk=worker.pk).update(drain_requested_at=DatabaseNow())
    assert AuditEntry.objects.count() == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_change_while_the_triggers_are_replaced_is_recorded_once() -> None:
    """As the migration does: the former trigger is dropped and the new one added in one transaction."""
    team = ensure_personal_team(user=make_user("alice@example.com"))
    [(model, trigger)] = pgtrigger.registered("accounts.Team:audit")
    compiled = trigger.compile(model)
    with connection.cursor() as cursor:
        cursor.execute(compiled.uninstall_sql)
        cursor.execute(
            "CREATE TRIGGER audit_watch_0123456789ab AFTER INSERT OR UPDATE OR DELETE ON accounts_team FOR EACH ROW"
            " EXECUTE FUNCTION mutoscope_audit('accounts.Team', 'id', 'id', '', '')"
        )
    Team.objects.filter(pk=team.pk).update(name="before")

    def rename() -> None:
        try:
            Team.objects.filter(pk=team.pk).update(name="meanwhile")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(str(drop_former_triggers("accounts_team", "accounts_user").sql))
            done = thread.submit(rename)
            wait_until(_is_update_blocked)
            assert not done.done()
            cursor.execute(compiled.install_sql)
        done.result(60)
    Team.objects.filter(pk=team.pk).update(name="after")
    names = [entry.changes["name"][1] for entry in entries(Team)]
    assert names == ["before", "meanwhile", "after"]
    assert [name for table, name, _ in installed_triggers() if table == "accounts_team"] == [trigger.get_pgid(model)]


def _is_update_blocked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE relation = 'accounts_team'::regclass AND NOT granted")
        return bool(cursor.fetchone()[0])


# A column whose name matches must be listed as hidden.
SECRET_COLUMN_PATTERN = re.compile(r"password|secret|token|sha256|hash", re.IGNORECASE)


@pytest.mark.parametrize("label", AUDITED_MODELS)
def test_secret_columns_are_declared_as_hidden(label: str) -> None:
    columns = apps.get_model(label)._meta.concrete_fields
    hidden = {
        field.column for field in columns if SECRET_COLUMN_PATTERN.search(field.name) or isinstance(field, BinaryField)
    }
    trigger = audit_triggers()[label]
    assert hidden <= trigger.hidden
    assert trigger.hidden | trigger.ignored <= {field.column for field in columns}


def test_changes_of_a_session_are_recorded_with_user_and_ip_address(team: Team, owner: User) -> None:
    client = Client()
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    form = {"name": "new", "scopes": ["videos:read"], "expires": "90"}
    client.post("/api-keys", form, headers={"X-Request-Id": "request-1"}, REMOTE_ADDR="9.9.9.9")
    key = ApiKey.objects.get()
    entry = entries(ApiKey, Verb.INSERT).get()
    assert (entry.team, entry.actor, entry.api_key_id) == (team, owner, None)
    assert (entry.ip, entry.request_id, entry.system) == ("9.9.9.9", "request-1", "")
    client.post(f"/api-keys/{key.prefix}/revoke", REMOTE_ADDR="8.8.8.8")
    assert (entries(ApiKey).get().ip, list(entries(ApiKey).get().changes)) == ("8.8.8.8", ["revoked_at"])


@impersonation(Access.WRITE)
def _rename(request: HttpRequest) -> HttpResponse:
    Team.objects.filter(pk=request.POST["team"]).update(name="Renamed")
    return HttpResponse()


# No page of the site lets an administrator change an audited row of somebody else.
urlpatterns = [*site_urls.urlpatterns, path("rename", _rename)]


@pytest.mark.urls("tests.accounts.audit.test_triggers")
def test_changes_under_impersonation_are_recorded_with_both_names(adele: Person, alice: Person) -> None:
    run_action(adele, f"/admin/accounts/user/{alice.user.pk}/view_as/", reason="a ticket")
    assert adele.post("/rename", {"team": alice.team.pk}).status_code == 200
    entry = entries(Team).get()
    assert (entry.team, entry.actor, entry.impersonator) == (alice.team, alice.user, adele.user)
    assert entry.changes == {"name": [alice.team.name, "Renamed"]}
    adele.post("/desk/stop-viewing")
    page = adele.get(f"/admin/audit/auditentry/{entry.pk}/change/").content.decode()
    for person in (alice, adele):
        assert re.search(rf'/admin/accounts/user/{person.user.pk}/change/"[^>]*>\s*{person.user.email}', page)


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_changes_of_a_command_are_recorded_with_its_name() -> None:
    address = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(address._replace(path="/" + str(connection.settings_dict["NAME"])))
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(
        [sys.executable, "manage.py", "create_key", "--email", "new@example.com"],
        cwd=settings.ROOT,
        env=environment | {"DATABASE_URL": url},
        check=True,
        capture_output=True,
    )
    assert {entry.system for entry in AuditEntry.objects.all()} == {"mutoscope create_key"}
    assert {entry.actor for entry in AuditEntry.objects.all()} == {None}


def test_entries_cannot_be_changed_or_deleted(team: Team) -> None:
    entry = AuditEntry.objects.first()
    assert entry is not None
    writes: tuple[Callable[[], Any], ...] = (
        lambda: AuditEntry.objects.update(verb="x"),
        lambda: AuditEntry.objects.all().delete(),
        entry.delete,
    )
    for write in writes:
        with pytest.raises(Error, match="append_only"), transaction.atomic():
            write()


def test_purge_deletes_only_old_entries(team: Team, settings: Any) -> None:
    settings.AUDIT_RETENTION_DAYS = 30
    kept = AuditEntry.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_auditentry (at, verb, model, row_id, request_id, system, changes)"
            " VALUES (now() - interval '31 days', 'sign_in', '', '', '', '', '{}')"
        )
    assert purge() == 1
    assert (AuditEntry.objects.count(), purge()) == (kept, 0)
    with pytest.raises(Error, match="append_only"), transaction.atomic():
        AuditEntry.objects.all().delete()
    settings.AUDIT_RETENTION_DAYS = 0
    assert purge() == 0


def test_a_team_sees_only_its_own_entries(team: Team) -> None:
    other = ensure_personal_team(user=User.objects.create_user("charlie@example.com", PASSWORD))
    record(Verb.IMPERSONATION_BEGAN, team=other)
    assert {entry.team for entry in AuditEntry.objects.for_team(team)} == {team}
    assert AuditEntry.objects.for_team(other).filter(verb=Verb.IMPERSONATION_BEGAN).count() == 1
