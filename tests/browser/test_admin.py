"""The administration site in a browser, with a real worker: plans, credits, workers and keys."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django_rq.settings import get_queues_map
from playwright.sync_api import Page, ViewportSize, expect

from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Team, User
from accounts.quota.models import Wallet
from common.tasks.queues import enqueue
from jobs.models import Job, Worker
from jobs.states import State
from tests.support.administrators import staff
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.people import PASSWORD, Person, make_user
from tests.support.workers import WorkerProcess, wait_for_state, wait_until


def sign_in_with_code(page: Page, secret: str) -> None:
    page.goto("/admin/")
    page.get_by_label("Email").fill("adele@example.com")
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator("input[name=code]").fill(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url("**/admin/")
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()


def make_plan_and_grant(page: Page, team: Team) -> None:
    page.goto("/admin/quota/plan/add/")
    page.get_by_label("Name").fill("studio")
    page.get_by_label("Concurrent videos").fill("8")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/quota/plan/")

    page.goto(f"/admin/accounts/team/{team.pk}/assign_plan/")
    page.get_by_label("Plan").select_option(label="studio")
    page.get_by_role("button", name="Change plan").click()
    page.wait_for_url(f"**/admin/accounts/team/{team.pk}/change/")
    expect(page.get_by_role("link", name="studio")).to_be_visible()

    page.get_by_role("link", name="Grant credits").click()
    page.get_by_label("Credits").fill("777")
    page.get_by_label("Reason").fill("a launch")
    page.get_by_role("button", name="Grant credits").click()
    page.wait_for_url(f"**/admin/accounts/team/{team.pk}/change/")
    page.goto(f"/admin/quota/ledgerentry/?team__id__exact={team.pk}")
    expect(page.locator("#result_list")).to_contain_text("a launch")
    page.goto("/admin/audit/auditentry/?verb__exact=deed")
    expect(page.locator("#result_list")).to_contain_text("adele@example.com")
    page.locator("#result_list a").first.click()
    expect(page.locator("#content")).to_contain_text("127.0.0.1")


def drain_and_ban(page: Page, worker: Worker, key: ApiKey) -> None:
    page.goto(f"/admin/jobs/worker/{worker.pk}/change/")
    page.get_by_role("link", name="Drain").click()
    page.get_by_role("button", name="Drain", exact=True).click()
    expect(page.locator("#content")).to_contain_text("Draining")

    page.goto(f"/admin/accounts/apikey/{key.pk}/change/")
    page.get_by_role("link", name="Ban key").click()
    page.get_by_role("button", name="Ban key").click()
    expect(page.locator("#content")).to_contain_text("Revoked")


def test_the_actions_of_an_administrator_take_effect(
    transactional_db: None,
    live_server: Any,
    browser: Browser,
    alice: Person,
    make_job: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    tmp_path: Path,
) -> None:
    secret = generate_totp_secret()
    user = make_user("adele@example.com")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    TOTP.activate(user, secret)
    key, clear = create_api_key(team=alice.team, creator=alice.user, name="short videos")
    start_worker(MEDIA_ROOT=tmp_path / "media")
    wait_for_state(make_job(alice), State.COMPLETED, seconds=120)
    worker = Worker.objects.get()

    def scenario(page: Page) -> None:
        sign_in_with_code(page, secret)
        make_plan_and_grant(page, alice.team)
        drain_and_ban(page, worker, key)

    api = Client(headers={"Authorization": f"Bearer {clear}"})
    assert api.get("/v1/videos").status_code == 200
    browser.run(live_server.url, scenario)
    assert api.get("/v1/videos").status_code == 401
    wallet = Wallet.objects.get(team=alice.team)
    assert wallet.plan.name == "studio"
    assert f"{wallet.balance:,}" in alice.get("/usage").content.decode()

    def is_draining() -> bool:
        worker.refresh_from_db()
        has_heartbeat = worker.drain_requested_at is not None and worker.last_heartbeat_at > worker.drain_requested_at
        return has_heartbeat and worker.state == Worker.State.DRAINING

    wait_until(is_draining, 60)
    late = make_job(alice)
    heartbeat_at = worker.last_heartbeat_at
    wait_until(lambda: Worker.objects.get().last_heartbeat_at > heartbeat_at, 60)
    late.refresh_from_db()
    assert late.state == State.QUEUED, "a drained worker claimed a video"


def test_the_list_of_teams_shows_how_many_members_each_has(
    transactional_db: None, live_server: Any, browser: Browser, alice: Person, mia: Person
) -> None:
    adele = staff("adele@example.com", superuser=True)

    def scenario(page: Page) -> None:
        page.goto("/admin/accounts/team/")
        for team, members in ((alice.team, "2"), (adele.team, "1")):
            row = page.locator("#result_list tr").filter(has_text=str(team))
            expect(row.locator("[class*=field-member]")).to_have_text(members)
        expect(page.locator("#result_list")).not_to_contain_text("None")

    browser.run(live_server.url, scenario, session=adele.cookie)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_serious_violation(
    transactional_db: None, live_server: Any, browser: Browser, alice: Person, viewport: ViewportSize
) -> None:
    adele = staff("adele@example.com", superuser=True)

    def scenario(page: Page) -> list[str]:
        found = []
        for path in ("/admin/", "/admin/quota/plan/add/", f"/admin/accounts/team/{alice.team.pk}/grant_credits/"):
            page.goto(path)
            violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            found += [
                f"{path}: {violation['id']} {node['target']}"
                for violation in violations
                if violation["impact"] in {"serious", "critical"}
                for node in violation["nodes"]
                if "admin-" in str(node["target"]) + node["html"] or "id_" in str(node["target"])
            ]
        return found

    assert browser.run(live_server.url, scenario, session=adele.cookie, viewport=viewport) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_queues_keep_to_the_content_security_policy(
    transactional_db: None, live_server: Any, browser: Browser, scheme: str
) -> None:
    adele = staff("adele@example.com", superuser=True)
    enqueue("create_due_warnings")
    mail = get_queues_map()["mail"]
    pages = {
        "home": "Queue",
        f"queues/{mail}": "create_due_warnings",
        f"queues/{mail}/create_due_warnings": "create_due_warnings",
        f"queues/{mail}/failed": "Failed jobs in mail",
    }

    def scenario(page: Page) -> None:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of two literals
        for path, text in pages.items():
            page.goto(f"/admin/django_rq/dashboard/{path.removeprefix('home')}{'' if path == 'home' else '/'}")
            expect(page.locator("#content")).to_contain_text(text)

    browser.run(live_server.url, scenario, session=adele.cookie)
    assert browser.console_errors == []
