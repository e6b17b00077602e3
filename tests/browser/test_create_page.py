"""The Create page: presets and settings, with and without scripts; limits; a lost connection."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Membership
from accounts.quota.models import Wallet
from jobs.models import Job
from tests.support.browser import Browser
from tests.support.images import SAMPLES
from tests.support.people import Person


def fill(page: Page) -> None:
    page.goto("/")
    page.set_input_files("#image", SAMPLES / "cat.jpg")
    page.get_by_label("What should move?").fill("steam rises")


def test_a_shortcut_that_is_pressed_twice_makes_one_video(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        fill(page)
        for _ in range(3):
            page.keyboard.press("Control+Enter")
        page.wait_for_url("**/videos/vid_*")

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert Job.objects.count() == 1
    assert Wallet.objects.get(team=alice.team).reserved == Job.objects.get().quoted_credits


def test_a_preset_is_checked_only_while_the_settings_are_its_own(
    live_server: Any, alice: Person, browser: Browser
) -> None:
    def scenario(page: Page) -> None:
        fill(page)
        standard = page.locator("[name=preset][value=standard]")
        page.get_by_text("Advanced settings").click()
        page.locator("#num_frames").fill("32")
        expect(standard).not_to_be_checked()
        expect(page.locator("#advanced-summary")).to_contain_text("Custom")
        page.locator("#num_frames").fill("16")
        expect(standard).to_be_checked()
        page.locator("#num_frames").fill("32")
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")
        expect(page.locator(".facts")).not_to_contain_text("Standard")

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert Job.objects.get().num_frames == 32


@pytest.mark.usefixtures("i2vgen_xl")
def test_without_scripts_the_chosen_preset_counts(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        fill(page)
        page.get_by_role("radio", name="High").check()
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")
        expect(page.locator(".facts")).to_contain_text("High")

    browser.run(live_server.url, scenario, session=alice.cookie, java_script_enabled=False)
    job = Job.objects.get()
    assert (job.preset, job.resolution, job.num_frames, job.steps) == ("high", "768p", 24, 80)


def test_a_limit_of_the_member_is_shown_before_the_submit(live_server: Any, mia: Person, browser: Browser) -> None:
    Membership.objects.filter(user=mia.user, team=mia.team).update(videos_per_day=1)

    def scenario(page: Page) -> None:
        fill(page)
        expect(page.locator("#price")).to_contain_text("Your own limit: 1 of 1 video left today")
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")
        page.goto("/")
        expect(page.locator("#price")).to_contain_text("Your own limit: 0 of 1 video left today")
        expect(page.locator("#error-price")).to_contain_text("You have reached your daily limit of videos (1)")

    browser.run(live_server.url, scenario, session=mia.cookie)


@pytest.mark.parametrize(("balance", "advice"), [(0, "Ask alice@example.com for more."), (1, "smaller preset")])
def test_without_credits_the_page_says_what_helps(
    balance: int, advice: str, live_server: Any, mia: Person, browser: Browser
) -> None:
    Wallet.objects.filter(team=mia.team).update(balance=balance)

    def scenario(page: Page) -> None:
        page.goto("/")
        page.get_by_role("radio", name="High").check()
        expect(page.locator("#error-price")).to_contain_text(advice)
        page.locator("#price").get_by_role("link", name="See usage").click()
        page.wait_for_url("**/usage")

    browser.run(live_server.url, scenario, session=mia.cookie)


def test_a_submit_without_a_connection_promises_no_retry(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        fill(page)
        page.context.set_offline(True)
        page.get_by_role("button", name="Make video").click()
        # The price may have been asked for in this moment, and have a message of its own.
        expect(page.locator(".toast").filter(has_text="may not have been saved")).to_be_visible()
        page.context.set_offline(False)
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert Job.objects.count() == 1
    assert [text for text in browser.console_errors if "DISCONNECTED" not in text and "error: htmx:" not in text] == []
    browser.console_errors.clear()
