"""Admin actions take effect through the services, require a reason and are recorded."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import OperationalError

from accounts.audit.models import AuditEntry, Verb
from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Team, User
from accounts.quota.models import LedgerEntry, Plan, PlanOverride, Wallet
from accounts.quota.services import grant
from common.clock import DatabaseNow
from jobs.models import Job, Priority, Worker
from jobs.queue.claim import claim_job
from jobs.states import State
from tests.support.administrators import run_action
from tests.support.people import Person


def balance(team: Team) -> int:
    return Wallet.objects.get(team=team).balance


def test_a_grant_adds_a_ledger_row_with_reason_and_name(adele: Person, alice: Person) -> None:
    before = balance(alice.team)
    path = f"/admin/accounts/team/{alice.team.pk}/grant_credits/"
    assert run_action(adele, path, credits="50", reason="a gift").status_code == 302
    entry = LedgerEntry.objects.latest("id")
    assert (entry.kind, entry.balance_delta, entry.reason, entry.actor) == ("grant", 50, "a gift", adele.user)
    assert balance(alice.team) == before + 50
    logged = AuditEntry.objects.filter(verb=Verb.ADMIN_ACTION, team=alice.team).get()
    assert (logged.actor, logged.ip) == (adele.user, "127.0.0.1")
    assert logged.changes["action"] == [None, "grant_credits"]
    assert logged.changes["reason"] == [None, "a gift"]


def test_a_confirmation_that_is_sent_twice_grants_once(adele: Person, alice: Person) -> None:
    before = balance(alice.team)
    path = f"/admin/accounts/team/{alice.team.pk}/grant_credits/"
    found = re.search(r'name="form_nonce" value="([0-9a-f]{32})"', adele.get(path).content.decode())
    assert found
    sent = {"credits": "50", "reason": "a gift", "form_nonce": found[1]}
    first, second = (run_action(adele, path, **sent) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert balance(alice.team) == before + 50


def test_an_action_that_changed_nothing_may_be_sent_again(adele: Person, alice: Person) -> None:
    path = f"/admin/accounts/team/{alice.team.pk}/adjust_credits/"
    sent = {"credits": "-1001", "reason": "a mistake", "form_nonce": "1"}
    run_action(adele, path, **sent)
    assert balance(alice.team) == 1000
    run_action(adele, f"/admin/accounts/team/{alice.team.pk}/grant_credits/", credits="1", reason="a gift")
    for _ in range(2):
        run_action(adele, path, **sent)
    assert balance(alice.team) == 0


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OperationalError("deadlock detected"), "The database does not respond."),
        (ZeroDivisionError(), "An internal error occurred."),
    ],
)
def test_a_row_that_fails_does_not_repeat_the_rows_that_are_done(
    error: Exception, shown: str, adele: Person, alice: Person, charlie: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_for_alice(*, team: Team, **credits_and_reason: Any) -> None:
        if team == alice.team:
            raise error
        grant(team=team, **credits_and_reason)

    monkeypatch.setattr("portal.admin.teams.grant", fail_for_alice)
    before = balance(charlie.team)
    # The later team is the first row.
    selection = {"action": "grant_credits", "_selected_action": [charlie.team.pk, alice.team.pk], "form_nonce": "1"}
    for _ in range(2):
        run_action(adele, "/admin/accounts/team/", **selection, credits="50", reason="a gift")
    assert balance(charlie.team) == before + 50
    assert f"{alice.team}: {shown}" in html.unescape(adele.get("/admin/").content.decode())


@pytest.mark.parametrize(
    "form_data",
    [{"credits": "50", "reason": " "}, {"credits": "0", "reason": "x"}, {"credits": "9" * 30, "reason": "x"}],
)
def test_without_a_reason_or_a_valid_number_no_credits_are_granted(
    form_data: dict[str, str], adele: Person, alice: Person
) -> None:
    rows = LedgerEntry.objects.count()
    for action in ("grant_credits", "adjust_credits"):
        response = run_action(adele, f"/admin/accounts/team/{alice.team.pk}/{action}/", **form_data)
        assert response.status_code == 200
        assert "errorlist" in (page := response.content.decode()) or "text-red" in page
    assert LedgerEntry.objects.count() == rows


def test_an_adjustment_removes_credits_but_not_below_zero(adele: Person, alice: Person) -> None:
    path = f"/admin/accounts/team/{alice.team.pk}/adjust_credits/"
    run_action(adele, path, credits="-400", reason="a mistake")
    assert balance(alice.team) == 600
    run_action(adele, path, credits="-601", reason="too much")
    assert balance(alice.team) == 600
    assert LedgerEntry.objects.filter(kind="adjust").count() == 1


def test_a_plan_is_validated_created_and_assigned_to_many_teams(adele: Person, alice: Person, charlie: Person) -> None:
    fields = {"name": "studio", "weight": "3", "max_running": "8", "max_queued": "50", "allowed_formats": ["mp4"]}
    rejected = adele.post("/admin/quota/plan/add/", fields | {"max_seconds": "0", "allowed_models": ["nonsense"]})
    assert rejected.status_code == 422
    assert not Plan.objects.filter(name="studio").exists()
    assert adele.post("/admin/quota/plan/add/", fields).status_code == 302
    plan = Plan.objects.get(name="studio")
    assert (plan.weight, plan.allowed_formats, plan.allowed_models, plan.rollover) == (3, ["mp4"], None, None)
    teams = [alice.team.pk, charlie.team.pk]
    selection = {"action": "assign_plan", "_selected_action": teams}
    confirmation = adele.post("/admin/accounts/team/", selection)
    assert confirmation.status_code == 200
    assert "studio" in confirmation.content.decode()
    adele.post("/admin/accounts/team/", {**selection, "decided": "1", "plan": str(plan.pk)})
    assert set(Wallet.objects.filter(plan=plan).values_list("team", flat=True)) == set(teams)
    changed = AuditEntry.objects.filter(model="quota.Wallet", verb=Verb.UPDATE, team=alice.team).latest("id")
    assert changed.actor == adele.user
    assert adele.post(f"/admin/quota/plan/{plan.pk}/delete/", {"post": "yes"}).status_code == 403


def test_an_override_is_saved_and_deleted(adele: Person, alice: Person) -> None:
    fields = {"team": str(alice.team.pk), "reason": "a launch", "max_running": "9", "rollover": "False"}
    assert adele.post("/admin/quota/planoverride/add/", fields).status_code == 302
    override = PlanOverride.objects.get(team=alice.team)
    assert (override.max_running, override.rollover, override.weight) == (9, False, None)
    adele.post(f"/admin/quota/planoverride/{alice.team.pk}/delete/", {"post": "yes"})
    assert not PlanOverride.objects.exists()


def test_a_team_is_created_with_owner_and_wallet(adele: Person, alice: Person) -> None:
    adele.post("/admin/accounts/team/add/", {"name": "Night shift", "owner": str(alice.user.pk)})
    team = Team.objects.get(name="Night shift")
    assert team.memberships.get().user == alice.user
    assert balance(team) == 1000


def test_a_banned_key_is_rejected(adele: Person, alice: Person) -> None:
    key, clear = create_api_key(team=alice.team, creator=alice.user, name="a key")
    headers = {"Authorization": f"Bearer {clear}"}
    assert alice.client.get("/v1/videos", headers=headers).status_code == 200
    adele.post("/admin/accounts/apikey/", {"action": "ban", "_selected_action": [key.pk], "decided": "1"})
    assert alice.client.get("/v1/videos", headers=headers).status_code == 401
    logged = AuditEntry.objects.filter(model="accounts.ApiKey", verb=Verb.UPDATE).latest("id")
    assert (logged.actor, logged.ip) == (adele.user, "127.0.0.1")


def test_deactivating_ends_sessions_keys_and_videos(adele: Person, alice: Person, make_job: Callable[..., Job]) -> None:
    job = make_job(alice)
    create_api_key(team=alice.team, creator=alice.user, name="a key")
    run_action(adele, f"/admin/accounts/user/{alice.user.pk}/deactivate/")
    job.refresh_from_db()
    assert job.state == State.CANCELED
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    assert alice.get("/history").status_code == 302
    run_action(adele, f"/admin/accounts/user/{alice.user.pk}/activate/")
    assert User.objects.get(pk=alice.user.pk).is_active


def test_administrators_cannot_lock_themselves_out(adele: Person) -> None:
    for action in ("deactivate", "end_staff", "reset_second_factor"):
        run_action(adele, f"/admin/accounts/user/{adele.user.pk}/{action}/")
    assert User.objects.filter(pk=adele.user.pk, is_active=True, is_staff=True).exists()
    assert Authenticator.objects.filter(user=adele.user).exists()


def test_videos_are_canceled_reprioritised_and_retried(
    adele: Person, alice: Person, make_job: Callable[..., Job]
) -> None:
    queued, other = make_job(alice), make_job(alice)
    failed = make_job(alice, State.FAILED, error_code="engine_crashed")
    run_action(adele, f"/admin/jobs/job/{queued.pk}/set_priority/", priority="2")
    run_action(adele, f"/admin/jobs/job/{other.pk}/cancel/")
    before = balance(alice.team)
    for _ in range(2):  # a second click creates no second video
        run_action(adele, f"/admin/jobs/job/{failed.pk}/retry/")
    for job in (queued, other, failed):
        job.refresh_from_db()
    assert (queued.priority, other.state, failed.state) == (Priority.HIGH, State.CANCELED, State.FAILED)
    retried = Job.objects.filter(state=State.QUEUED).exclude(pk=queued.pk).get()
    assert (retried.team, retried.prompt, retried.seed, retried.quoted_credits) == (alice.team, failed.prompt, 7, 3)
    assert retried.source_key != failed.source_key
    assert balance(alice.team) == before - 3


def test_a_worker_is_drained_resumed_and_removed_once_it_is_dead(adele: Person) -> None:
    worker = Worker.objects.create(name="w", pool="cpu", model="camera", device="cpu", last_heartbeat_at=DatabaseNow())
    path = f"/admin/jobs/worker/{worker.pk}"
    run_action(adele, f"{path}/drain/")
    worker.refresh_from_db()
    assert worker.drain_requested_at is not None
    run_action(adele, f"{path}/resume/")
    run_action(adele, f"{path}/forget/")
    worker.refresh_from_db()
    assert worker.drain_requested_at is None
    Worker.objects.update(last_heartbeat_at="2020-01-01T00:00Z")
    run_action(adele, f"{path}/forget/")
    assert not Worker.objects.exists()


def test_an_action_on_too_many_rows_does_not_start(
    adele: Person, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.admin.actions.MAX_ROWS", 1)
    plan = Plan.objects.create(name="studio")
    everything = {"action": "assign_plan", "_selected_action": [alice.team.pk], "select_across": "1", "decided": "1"}
    adele.post("/admin/accounts/team/", {**everything, "plan": str(plan.pk)})
    assert not Wallet.objects.filter(plan=plan).exists()


def test_a_claimed_video_keeps_its_priority(adele: Person, alice: Person, make_job: Callable[..., Job]) -> None:
    from common.ids import new_id

    job = make_job(alice)
    assert claim_job(pool="cpu", worker_id=new_id(), models=["camera"], vram_mb=0)
    run_action(adele, f"/admin/jobs/job/{job.pk}/set_priority/", priority="2")
    job.refresh_from_db()
    assert job.priority == Priority.NORMAL


def test_errors_are_shown_in_the_administrator_s_language(
    adele: Person, alice: Person, make_job: Callable[..., Job]
) -> None:
    adele.client.post("/language", {"language": "zh-hans"})
    failed = make_job(alice, State.FAILED, error_code="engine_crashed", error_message="The engine crashed.")
    assert "引擎崩溃了。" in adele.get(f"/admin/jobs/job/{failed.pk}/change/").content.decode()
    for _ in range(2):
        run_action(adele, f"/admin/jobs/job/{failed.pk}/retry/")
    assert "这个视频已经重试过。" in adele.get("/admin/jobs/job/").content.decode()
    run_action(adele, f"/admin/accounts/user/{adele.user.pk}/deactivate/")
    assert "这是你自己的账号。请让另一位管理员来做。" in adele.get("/admin/").content.decode()
    run_action(adele, f"/admin/accounts/team/{alice.team.pk}/adjust_credits/", credits="-5000", reason="too much")
    assert "团队剩余的点数不足 5000 点。" in adele.get("/admin/").content.decode()
