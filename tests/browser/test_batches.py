"""The page of a running batch in a browser."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from django.db import connection
from playwright.sync_api import Page, expect

from jobs.batches.models import Batch, BatchItem
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import State
from tests.support.browser import Browser
from tests.support.people import Person


def test_rows_of_a_batch_in_progress_are_updated(
    live_server: Any, alice: Person, browser: Browser, make_job: Callable[..., Job]
) -> None:
    found = Batch.objects.create(team=alice.team, user=alice.user, total=3, fingerprint=b"")
    jobs = [make_job(alice, State.QUEUED) for _ in range(2)]
    for index, job in enumerate(jobs):
        BatchItem.objects.create(team=alice.team, batch=found, index=index, job=job)

    def scenario(page: Page) -> list[str]:
        page.goto(f"/batches/{found.public_id}")
        page.locator("#request-1 a").focus()
        is_focused.set()
        expect(page.locator("#request-1 .chip")).to_contain_text("Canceled")
        expect(page.locator("#request-1 a")).to_be_focused()
        expect(page.locator("#items tr")).to_have_count(3)  # possibly with the next poll
        return [text.strip() for text in page.locator("#items .chip").all_text_contents()]

    is_focused = Event()

    def change_rows() -> None:
        try:
            is_focused.wait(60)
            cancel_job(job=jobs[1])
            BatchItem.objects.create(team=alice.team, batch=found, index=2, error={"code": "x", "message": "y"})
        finally:
            connection.close()

    thread = Thread(target=change_rows)
    thread.start()
    try:
        assert browser.run(live_server.url, scenario, session=alice.cookie) == ["Queued", "Canceled", "Refused"]
    finally:
        is_focused.set()
        thread.join()
