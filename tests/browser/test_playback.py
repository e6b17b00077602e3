"""An image is uploaded, a real worker generates the video, and it plays on its page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs.models import Job
from jobs.states import State
from tests.support.browser import Browser, played_seconds
from tests.support.images import SAMPLES
from tests.support.people import Person


@pytest.fixture
def _own_media(tmp_path: Path) -> None:
    """Store files as the settings say, since the worker is another process."""


def test_the_video_is_generated_and_plays(
    live_server: Any, alice: Person, start_worker: Callable[..., Any], browser: Browser
) -> None:
    start_worker("--model", "camera")

    def scenario(page: Page) -> dict[str, float]:
        page.goto("/")
        page.set_input_files("#image", SAMPLES / "cat.jpg")
        page.get_by_label("What should move?").fill("the camera zooms in and pans to the right")
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")
        # No reload from here on: the page has to update by itself.
        expect(page.locator("video.result")).to_be_visible()
        assert played_seconds(page) > 0.2
        facts: dict[str, float] = page.evaluate(
            "(({ videoWidth, videoHeight, duration, paused }) =>"
            " ({ videoWidth, videoHeight, duration, paused }))"
            "(document.querySelector('video.result'))"
        )
        with page.expect_download() as download:
            page.get_by_role("link", name="Download", exact=True).click()
        assert download.value.suggested_filename.endswith(".mp4")
        expect(page.locator(".facts")).to_contain_text("Processing time")
        page.goto("/history")
        expect(page.locator(".poster img")).to_have_js_property("complete", value=True)
        assert page.evaluate("document.querySelector('.poster img').naturalWidth") > 0
        return facts

    facts = browser.run(live_server.url, scenario, session=alice.cookie, accept_downloads=True)
    job = Job.objects.get()
    assert job.state == State.COMPLETED
    assert (facts["videoWidth"], facts["videoHeight"]) == (job.width, job.height)
    assert facts["duration"] == pytest.approx(job.seconds, abs=0.2)
    assert not facts["paused"]
