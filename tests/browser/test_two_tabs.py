"""Two tabs of one browser: each page belongs to the team that it was rendered for."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Membership, Team
from accounts.roles import Role
from jobs.models import Job
from tests.support.browser import Browser
from tests.support.images import SAMPLES
from tests.support.people import Person
from tests.support.videos import finished_video


@pytest.fixture
def other_team(alice: Person, charlie: Person) -> Team:
    Membership.objects.create(team=charlie.team, user=alice.user, role=Role.ADMIN)
    return charlie.team


def switch_in_another_tab(page: Page, team: Team) -> None:
    other = page.context.new_page()
    other.goto("/history")
    other.get_by_role("button", name="switch or manage").first.click()
    other.get_by_role("button", name=team.name, exact=True).click()
    expect(other.locator(".rail .team-name")).to_have_text(team.name)
    other.close()


def allow_refusals(browser: Browser) -> None:
    """Forget the console's lines about responses that the test expects."""
    assert [text for text in browser.console_errors if "409" not in text] == []
    browser.console_errors.clear()


def test_a_video_is_charged_to_the_team_that_its_form_showed(
    live_server: Any, alice: Person, other_team: Team, browser: Browser
) -> None:
    def scenario(page: Page) -> None:
        page.goto("/")
        page.set_input_files("#image", SAMPLES / "cat.jpg")
        page.get_by_label("What should move?").fill("steam rises")
        switch_in_another_tab(page, other_team)
        notice = page.locator(".team-changed")
        expect(notice).to_contain_text(f"You switched to the team “{other_team.name}” in another tab.")
        notice.get_by_role("button", name="Dismiss").click()
        page.get_by_role("button", name="Make video").click()
        expect(notice).to_be_visible()
        assert page.evaluate("document.getElementById('image').files[0].name") == "cat.jpg"
        assert page.locator("#prompt").input_value() == "steam rises"
        notice.get_by_role("button", name="Switch back").click()
        expect(notice).to_be_hidden()
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert Job.objects.get().team == alice.team
    allow_refusals(browser)


def test_a_form_without_scripts_is_refused_with_what_was_entered(
    live_server: Any, alice: Person, other_team: Team, browser: Browser
) -> None:
    def scenario(page: Page) -> None:
        page.goto("/team")
        page.get_by_label("Email address").fill("nora@example.com")
        switch_in_another_tab(page, other_team)
        page.get_by_role("button", name="Send invitation").click()
        expect(page.get_by_role("heading", name="You have switched to another team")).to_be_visible()
        page.get_by_role("button", name=f"Switch back to {alice.team.name} and submit").click()
        expect(page.get_by_text("The invitation was sent to nora@example.com.")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie, java_script_enabled=False)
    assert alice.team.invitations.count() == 1
    allow_refusals(browser)


def test_a_link_to_a_video_of_another_own_team_offers_to_switch(
    live_server: Any, alice: Person, charlie: Person, other_team: Team, browser: Browser
) -> None:
    video = finished_video(charlie)

    def scenario(page: Page) -> None:
        page.goto(f"/videos/{video.public_id}")
        expect(page.get_by_role("heading", name=f"belongs to your team “{other_team.name}”")).to_be_visible()
        expect(page.locator(".rail .team-name")).to_have_text(alice.team.name)
        page.get_by_role("button", name=f"Switch to {other_team.name} and open").click()
        expect(page.get_by_role("heading", name=video.prompt)).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert [text for text in browser.console_errors if "404" not in text] == []
    browser.console_errors.clear()


def test_a_list_does_not_continue_with_rows_of_another_team(
    live_server: Any, alice: Person, other_team: Team, browser: Browser
) -> None:
    def scenario(page: Page) -> None:
        page.goto("/history")
        switch_in_another_tab(page, other_team)
        notice = page.locator(".team-changed")
        notice.get_by_role("button", name="Dismiss").click()
        page.get_by_role("radio", name="Failed").check()
        expect(notice).to_be_visible()
        assert "state=failed" not in page.url

    browser.run(live_server.url, scenario, session=alice.cookie)
    allow_refusals(browser)
