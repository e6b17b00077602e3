"""The page of a running video follows its events, in a browser, with real workers and a real ASGI process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from playwright.sync_api import Page, Request, expect

from jobs.models import Job
from jobs.states import State
from tests.support.browser import Browser
from tests.support.people import Person
from tests.support.workers import DelaySwitch

ROOT = Path(site.ROOT)


@pytest.fixture
def static_root(tmp_path: Path) -> Path:
    """Collect style sheets and scripts, as in production."""
    found = tmp_path / "static"
    environment = {**os.environ, "STATIC_ROOT": str(found), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
    return found


def test_progress_and_preview_are_streamed(
    live_process: Callable[..., Any],
    start_worker: Callable[..., Any],
    skip_delays: DelaySwitch,
    alice: Person,
    browser: Browser,
    make_job: Callable[..., Job],
    settings: Any,
    static_root: Path,
) -> None:
    media = settings.STORAGES["default"]["OPTIONS"]["location"]
    live = live_process(MEDIA_ROOT=media, STATIC_ROOT=static_root)
    start_worker("--model", "scripted", MEDIA_ROOT=media)
    job = make_job(alice, State.QUEUED, model="scripted", prompt="delay=0.6", steps=100, num_frames=8)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    def scenario(page: Page) -> None:
        page.goto(f"/videos/{job.public_id}")
        image = page.locator("#stage-image.is-preview")
        image.wait_for()
        expect(page.locator("#video-state")).to_have_text("In progress")
        expect(page.locator("[data-live=title]")).to_contain_text("of 100")
        page.on("request", note)
        # More than two seconds of steps, after which the page would have asked if it did not listen to events.
        for _ in range(5):
            words = page.locator("[data-live=title]").inner_text()
            expect(page.locator("[data-live=title]")).not_to_have_text(words)
        assert [url for url in asked if "/live" in url] == []
        assert (image.get_attribute("src") or "").startswith("data:image/jpeg;base64,")
        skip_delays()
        expect(page.locator(".video[data-state=completed]")).to_be_visible()
        expect(page.get_by_role("link", name="Download", exact=True)).to_be_visible()

    browser.run(live.url, scenario, session=alice.cookie)


def test_the_page_polls_if_streams_are_refused(
    live_process: Callable[..., Any],
    alice: Person,
    browser: Browser,
    make_job: Callable[..., Job],
    settings: Any,
    static_root: Path,
) -> None:
    media = settings.STORAGES["default"]["OPTIONS"]["location"]
    live = live_process(MAX_EVENT_STREAMS_PER_PERSON=0, MEDIA_ROOT=media, STATIC_ROOT=static_root)
    job = make_job(alice, State.IN_PROGRESS)

    def scenario(page: Page) -> None:
        page.goto(f"/videos/{job.public_id}")
        with page.expect_request("**/live?seen=in_progress"):
            pass
        elsewhere = page.context.new_page()
        elsewhere.goto(f"/videos/{job.public_id}")
        elsewhere.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Stopping")).to_be_visible()

    browser.run(live.url, scenario, session=alice.cookie)
    assert [text for text in browser.console_errors if "429" not in text] == []
    browser.console_errors.clear()
