"""The pages of batches: what there is, where it stands, cancel and download."""

import html
import io
import re
from collections.abc import Callable
from threading import Event, Thread
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from accounts.models import Team
from jobs.batches import progress, views
from jobs.batches.models import Batch, BatchItem
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import State
from tests.support.browser import Browser
from tests.support.people import Person


@pytest.fixture
def batch(alice: Person, make_job) -> Batch:
    team = Team.objects.get(personal_of=alice.user)
    found = Batch.objects.create(team=team, user=alice.user, name="Spring <b>", total=4, fingerprint=b"")
    for index, state in enumerate((State.COMPLETED, State.QUEUED)):
        job = make_job(alice, state)
        BatchItem.objects.create(team=team, batch=found, index=index, custom_id=f"shot-{index}", job=job)
    error = {"code": "invalid_field", "message": "fps: Ensure this value is less than or equal to 24."}
    BatchItem.objects.create(team=team, batch=found, index=2, custom_id="shot-2", error=error)
    return found


def test_the_list_shows_how_far_each_is(alice: Person, batch: Batch) -> None:
    page = alice.get("/batches").content.decode()
    assert "Spring &lt;b&gt;" in page
    assert "1 of 4 done" in page


def test_the_videos_of_batches_are_looked_up_one_by_one(batch: Batch) -> None:
    """A join would read all videos of a large team, for seconds; here the planner is told to prefer one."""
    with connection.cursor() as cursor:
        for way in ("nestloop", "seqscan", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {progress._COUNT}", [[batch.pk]])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Nested Loop Left Join" in plan
    assert "jobs_job_pkey" in plan


def test_a_team_without_any_is_told_how(alice: Person) -> None:
    assert "POST /v1/batches" in alice.get("/batches").content.decode()


def test_the_page_of_one_lists_its_requests(alice: Person, batch: Batch) -> None:
    page = alice.get(f"/batches/{batch.public_id}").content.decode()
    for text in ("shot-0", "shot-1", "shot-2", "less than or equal to 24", "Not taken", 'hx-trigger="every 3s"'):
        assert text in page
    part = alice.get(f"/batches/{batch.public_id}", **{"HX-Request": "true"}).content.decode()
    assert 'id="standing"' in part
    assert "<html" not in part


def test_one_without_a_name_shows_its_id_once(alice: Person, batch: Batch) -> None:
    address = f"/batches/{batch.public_id}"
    heads = []
    for name in (batch.name, ""):
        Batch.objects.update(name=name)
        found = re.search(
            r'<h1 class="batch-title".*?<div class="batch-actions">', alice.get(address).content.decode(), re.DOTALL
        )
        assert found
        heads.append(found[0])
    named, nameless = heads
    assert (named.count("Spring"), named.count(batch.public_id)) == (1, 1)
    assert (nameless.count("Spring"), nameless.count(batch.public_id)) == (0, 1)


def test_canceling_leaves_what_is_done(alice: Person, batch: Batch) -> None:
    answer = alice.post(f"/batches/{batch.public_id}/cancel")
    assert answer.status_code == 302
    batch.refresh_from_db()
    assert batch.state == Batch.State.CANCELED
    assert set(Job.objects.values_list("state", flat=True)) == {"completed", "canceled"}
    assert (
        "hx-trigger"
        not in alice.get(f"/batches/{batch.public_id}").content.decode().partition('id="standing"')[2][:300]
    )


def test_the_zip(alice: Person, batch: Batch) -> None:
    answer = alice.get(f"/batches/{batch.public_id}/results")
    archive = ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert "manifest.jsonl" in archive.namelist()
    Job.objects.filter(state="completed").update(deleted_at="2026-01-01T00:00:00Z")
    assert alice.get(f"/batches/{batch.public_id}/results").status_code == 302


def test_the_page_is_loaded_anew_once_all_is_over(alice: Person, batch: Batch) -> None:
    path = f"/batches/{batch.public_id}"
    assert "HX-Refresh" not in alice.get(path, **{"HX-Request": "true"}).headers
    alice.post(f"{path}/cancel")
    assert alice.get(path, **{"HX-Request": "true"})["HX-Refresh"] == "true"


def test_the_list_names_what_was_lost(alice: Person, batch: Batch) -> None:
    assert "1 refused or failed" in alice.get("/batches").content.decode()


def test_a_poll_brings_the_rows_that_have_changed(alice: Person, batch: Batch, django_assert_num_queries: Any) -> None:
    path, asked = f"/batches/{batch.public_id}", {"HX-Request": "true"}
    address = re.search(r'hx-get="([^"]+)"', alice.get(path).content.decode())
    assert address
    poll = html.unescape(address[1])
    # Session, user, membership with team; batch, its counts and rows, the last that waits, the line before it.
    with django_assert_num_queries(8):
        still = alice.get(poll, **asked).content.decode()
    assert "<tr" not in still
    cancel_job(job=Job.objects.get(state="queued"))
    BatchItem.objects.create(
        team=batch.team, batch=batch, index=3, custom_id="shot-3", error={"code": "x", "message": "y"}
    )
    moved = alice.get(poll, **asked).content.decode()
    assert re.findall(r'<tr id="(request-.)"\s*(hx-swap-oob|)', moved) == [
        ("request-1", "hx-swap-oob"),
        ("request-3", ""),
    ]
    assert "seen=completed%2Ccanceled%2Crefused%2Crefused" in moved
    assert alice.get(f"{path}?after=item_1", **asked).status_code == 404
    for odd in ("", ",", "%00", "completed," * 500):
        assert alice.get(f"{path}?seen={odd}", **asked).status_code == 200


def test_a_page_that_fills_up_while_it_is_open_gets_its_link_to_the_next(
    alice: Person, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_ITEMS_PER_PAGE", 3)
    path, asked = f"/batches/{batch.public_id}", {"HX-Request": "true"}

    def poll_of(page: str) -> str:
        address = re.search(r'hx-get="([^"]+)"', page)
        assert address
        return alice.get(html.unescape(address[1]), **asked).content.decode()

    page = alice.get(path).content.decode()
    assert "Next requests" not in page
    last = BatchItem.objects.filter(batch=batch).latest("pk")
    BatchItem.objects.create(team=batch.team, batch=batch, index=3, error={"code": "x", "message": "y"})
    grown = poll_of(page)
    assert re.search(rf'id="more" hx-swap-oob="true">\s*<a[^>]*\?after={last.public_id}"', grown)
    assert "<tr" not in grown
    assert 'id="more"' not in poll_of(grown)  # who has the link keeps it, and the focus on it


@pytest.mark.xdist_group("browser")
def test_rows_of_a_running_batch_follow_its_counts(
    live_server: Any, alice: Person, browser: Browser, make_job: Callable[..., Job]
) -> None:
    found = Batch.objects.create(team=alice.team, user=alice.user, total=3, fingerprint=b"")
    jobs = [make_job(alice, State.QUEUED) for _ in range(2)]
    for index, job in enumerate(jobs):
        BatchItem.objects.create(team=alice.team, batch=found, index=index, job=job)

    def look(page: Page) -> list[str]:
        page.goto(f"/batches/{found.public_id}")
        page.locator("#request-1 a").focus()
        moved.set()
        expect(page.locator("#request-1 .chip")).to_contain_text("Canceled")
        expect(page.locator("#request-1 a")).to_be_focused()
        expect(page.locator("#items tr")).to_have_count(3)  # perhaps with the next poll
        return [text.strip() for text in page.locator("#items .chip").all_text_contents()]

    moved = Event()

    def move() -> None:
        try:
            moved.wait(60)
            cancel_job(job=jobs[1])
            BatchItem.objects.create(team=alice.team, batch=found, index=2, error={"code": "x", "message": "y"})
        finally:
            connection.close()

    mover = Thread(target=move)
    mover.start()
    try:
        assert browser.run(live_server.url, look, session=alice.cookie) == ["Queued", "Canceled", "Refused"]
    finally:
        moved.set()
        mover.join()
