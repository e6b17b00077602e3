"""Dialogs: without scripts, and the messages that appear while one is open."""

from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect

from accounts.models import ApiKey
from inference.encoding import write_mp4
from jobs.galleries.models import Publication
from jobs.models import Job
from jobs.states import State
from jobs.webhooks.models import Endpoint
from tests.support.browser import Browser
from tests.support.people import Person
from tests.support.videos import finished_video, store_job


def test_buttons_that_open_a_dialog_work_without_scripts(
    live_server: Any, alice: Person, browser: Browser, tmp_path: Path
) -> None:
    # Without scripts a browser loads the last frame for the form to continue the video at once.
    write_mp4(np.zeros((16, 64, 64, 3), np.uint8), 8, tmp_path / "video.mp4")
    job = store_job(alice.team, alice.user, State.COMPLETED, (tmp_path / "video.mp4").read_bytes())

    def scenario(page: Page) -> None:
        page.goto(f"/videos/{job.public_id}")
        page.get_by_role("button", name="Publish").first.click()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Publish").first.click()
        page.locator("#publish").get_by_role("button", name="Publish").click()
        page.wait_for_url("**/gallery/pub_*")
        page.goto("/api-keys")
        page.get_by_role("button", name="New key").first.click()
        page.get_by_label("Name").fill("by hand")
        page.get_by_role("button", name="Create key").click()
        expect(page.locator("#secret")).to_contain_text("mts_")
        page.goto("/webhooks")
        page.get_by_role("button", name="New webhook").first.click()
        page.get_by_label("URL").fill("https://example.com/hook")
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_text("whsec_")).to_be_visible()
        page.goto(f"/videos/{job.public_id}")
        page.get_by_role("button", name="Delete video").click()
        page.locator("#delete-video").get_by_role("button", name="Delete video").click()
        page.wait_for_url("**/history")

    browser.run(live_server.url, scenario, session=alice.cookie, java_script_enabled=False)
    assert ApiKey.objects.filter(name="by hand").exists()
    assert Endpoint.objects.exists()
    assert Job.objects.get(pk=job.pk).deleted_at is not None
    assert not Publication.objects.filter(job__deleted_at=None).exists()


def test_a_message_is_readable_while_a_dialog_is_open(live_server: Any, alice: Person, browser: Browser) -> None:
    job = finished_video(alice)

    def scenario(page: Page) -> None:
        page.goto(f"/videos/{job.public_id}")
        page.get_by_role("link", name="Share").click()
        page.get_by_role("button", name="Create link").click()
        page.locator("#share").get_by_role("button", name="Copy").first.click()
        toast = page.locator(".toast", has_text="Copied")
        expect(toast).to_be_visible()
        box = toast.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        # The element on top there is part of the toast, not of the backdrop.
        assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('.toast') !== null", [x, y])
        page.locator("#share").get_by_role("button", name="Done").click()
        expect(page.locator("body > #toasts")).to_have_count(1)

    browser.run(live_server.url, scenario, session=alice.cookie, permissions=["clipboard-read", "clipboard-write"])


def test_a_video_does_not_play_by_itself_if_less_motion_is_asked_for(
    live_server: Any, alice: Person, browser: Browser
) -> None:
    job = finished_video(alice)

    def scenario(page: Page) -> None:
        page.goto(f"/videos/{job.public_id}")
        video = page.locator("video.result")
        page.wait_for_load_state("networkidle")
        expect(video).to_have_js_property("autoplay", False)
        expect(video).to_have_js_property("paused", True)

    browser.run(live_server.url, scenario, session=alice.cookie, reduced_motion="reduce")
