"""A team in the browser: a member is invited, signs up, joins, is downgraded and removed; axe checks of its pages."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import Membership, User
from accounts.roles import Role
from jobs.models import Job
from jobs.states import State
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.people import PASSWORD, Person
from tests.support.teams import link_in_mail, make_team, member_of

NEW = "nora@example.com"


def code_in_mail() -> str:
    found = re.search(r"^ {4}(\S+)$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found
    return found[1]


def invite(page: Page) -> None:
    page.goto("/team")
    page.get_by_label("Email address").fill(NEW)
    page.get_by_label("Role", exact=True).select_option("member")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text(f"The invitation was sent to {NEW}.")).to_be_visible()
    expect(page.get_by_role("button", name=f"Withdraw {NEW}")).to_be_visible()


def sign_up_and_join(page: Page, link: str, video: Job) -> str:
    """Go from the invitation's link to the team's videos and through the menu of teams; return the session."""
    page.goto(link)
    expect(page.get_by_role("heading", name="Join Studio")).to_be_visible()
    page.get_by_role("link", name="Create account").click()
    expect(page.get_by_label("Email")).to_have_value(NEW)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Code").fill(code_in_mail())
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Join the team").click()
    page.wait_for_url("**/history")
    expect(page.get_by_text("You joined the team Studio.")).to_be_visible()
    expect(page.get_by_text("the studio's first video").first).to_be_visible()
    page.goto(f"/videos/{video.public_id}")
    expect(page.get_by_text("the studio's first video").first).to_be_visible()
    # To their own team and back, by the menu.
    page.locator("[popovertarget=team-menu]:visible").click()
    page.get_by_role("button", name="nora", exact=True).click()
    expect(page.locator(".team-name:visible")).to_have_text("nora")
    page.locator("[popovertarget=team-menu]:visible").click()
    page.get_by_role("button", name="Studio", exact=True).click()
    expect(page.locator(".team-name:visible")).to_have_text("Studio")
    return next(item["value"] for item in page.context.cookies() if item["name"] == "sessionid")


def test_a_member_is_invited_joins_is_downgraded_and_removed(
    live_server: Any, alice: Person, browser: Browser, make_job: Callable[..., Job]
) -> None:
    team = make_team(alice.user)
    owner = member_of(team, "alice")
    video = make_job(owner, State.COMPLETED, prompt="the studio's first video")

    browser.run(live_server.url, invite, session=owner.cookie)
    link = link_in_mail()

    hers = browser.run(live_server.url, lambda page: sign_up_and_join(page, link, video))
    nora = User.objects.get(email=NEW)
    waiting = make_job(Person(nora, team, owner.client), State.QUEUED)

    def lower(page: Page) -> None:
        page.goto("/team")
        page.get_by_role("link", name=f"Change {NEW}").click()
        page.get_by_label("Role", exact=True).select_option("viewer")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("row").filter(has_text=NEW)).to_contain_text("Viewer")

    browser.run(live_server.url, lower, session=owner.cookie)
    waiting.refresh_from_db()
    assert waiting.state == State.CANCELED
    assert Membership.objects.get(user=nora, team=team).role == Role.VIEWER

    def look(page: Page) -> None:
        page.goto("/")
        expect(page.get_by_role("heading", name="You have view-only access")).to_be_visible()

    browser.run(live_server.url, look, session=hers)

    def remove(page: Page) -> None:
        page.goto(f"/team/members/{nora.pk}")
        page.get_by_role("button", name="Remove from the team").click()
        expect(page.get_by_text(f"{NEW} is no longer in the team.")).to_be_visible()

    browser.run(live_server.url, remove, session=owner.cookie)

    def outside(page: Page) -> int:
        page.goto("/team")
        expect(page.locator(".team-name:visible")).to_have_text("nora")
        response = page.request.get(f"/videos/{video.public_id}")
        return response.status

    assert browser.run(live_server.url, outside, session=hers) == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_serious_fault(
    scheme: str, size: ViewportSize, live_server: Any, alice: Person, browser: Browser
) -> None:
    team = make_team(alice.user, mo=Role.MEMBER)
    owner = member_of(team, "alice")
    owner.post("/team", {"email": NEW, "role": "member"})
    link = link_in_mail()
    owner.post("/team/close", {"name": "Studio"})
    owner.post("/team/keep")
    mo = User.objects.get(email="mo@example.com")
    pages = ["/team", "/team/settings", f"/team/members/{mo.pk}", "/team/new", "/team/log", "/docs/roles", link]

    def faults(page: Page) -> list[str]:
        found = []
        for path in [*pages, "/join/gone"]:
            page.goto(path)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found += [f"{path}: {wide} px too wide"] * (wide > 0)
            result = Axe().run(page).response
            found += [
                f"{path}: {fault['id']} {fault['nodes'][0]['html'][:120]}"
                for fault in result["violations"]
                if fault["impact"] in {"serious", "critical"}
            ]
        return found

    assert (
        browser.run(
            live_server.url, faults, session=owner.cookie, viewport=size, color_scheme=scheme, reduced_motion="reduce"
        )
        == []
    )
    # The browser logs the 404 of a link that does not work.
    browser.console_errors[:] = [text for text in browser.console_errors if "404" not in text]
