"""The pages of batches: list, progress, cancel and download."""

import html
import io
import re
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection

from accounts.models import Team
from jobs.batches import progress, views
from jobs.batches.models import Batch, BatchItem
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import State
from tests.support.people import Person


@pytest.fixture
def batch(alice: Person, make_job: Callable[..., Job]) -> Batch:
    team = Team.objects.get(personal_of=alice.user)
    found = Batch.objects.create(team=team, user=alice.user, name="Spring <b>", total=4, fingerprint=b"")
    for index, state in enumerate((State.COMPLETED, State.QUEUED)):
        job = make_job(alice, state)
        BatchItem.objects.create(team=team, batch=found, index=index, custom_id=f"shot-{index}", job=job)
    error = {"code": "invalid_field", "message": "fps: Ensure this value is less than or equal to 24."}
    BatchItem.objects.create(team=team, batch=found, index=2, custom_id="shot-2", error=error)
    return found


def test_the_list_shows_the_progress(alice: Person, batch: Batch) -> None:
    page = alice.get("/batches").content.decode()
    assert "Spring &lt;b&gt;" in page
    assert "1 of 4 completed" in page


def test_videos_of_batches_are_looked_up_by_id(batch: Batch) -> None:
    """A join would read all videos of a large team, which takes seconds. The settings make the planner prefer one."""
    with connection.cursor() as cursor:
        for method in ("nestloop", "seqscan", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{method} = off")
        cursor.execute(f"EXPLAIN {progress._COUNT}", [[batch.pk]])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Nested Loop Left Join" in plan
    assert "jobs_job_pkey" in plan


def test_the_empty_list_explains_batches(alice: Person) -> None:
    assert "POST /v1/batches" in alice.get("/batches").content.decode()


def test_the_page_lists_the_requests(alice: Person, batch: Batch) -> None:
    page = alice.get(f"/batches/{batch.public_id}").content.decode()
    for text in ("shot-0", "shot-1", "shot-2", "less than or equal to 24", "Pending", 'hx-trigger="every 3s"'):
        assert text in page
    part = alice.get(f"/batches/{batch.public_id}", **{"HX-Request": "true"}).content.decode()
    assert 'id="batch-progress"' in part
    assert "<html" not in part


def test_the_page_of_a_batch_without_a_name_shows_its_id_once(alice: Person, batch: Batch) -> None:
    url = f"/batches/{batch.public_id}"
    heads = []
    for name in (batch.name, ""):
        Batch.objects.update(name=name)
        found = re.search(
            r'<h1 class="batch-title".*?<div class="batch-actions">', alice.get(url).content.decode(), re.DOTALL
        )
        assert found
        heads.append(found[0])
    named, nameless = heads
    assert (named.count("Spring"), named.count(batch.public_id)) == (1, 1)
    assert (nameless.count("Spring"), nameless.count(batch.public_id)) == (0, 1)


def test_canceling_keeps_completed_videos(alice: Person, batch: Batch) -> None:
    response = alice.post(f"/batches/{batch.public_id}/cancel")
    assert response.status_code == 302
    batch.refresh_from_db()
    assert batch.state == Batch.State.CANCELED
    assert set(Job.objects.values_list("state", flat=True)) == {"completed", "canceled"}
    assert (
        "hx-trigger"
        not in alice.get(f"/batches/{batch.public_id}").content.decode().partition('id="batch-progress"')[2][:300]
    )


def test_download_of_the_zip(alice: Person, batch: Batch) -> None:
    response = alice.get(f"/batches/{batch.public_id}/results")
    archive = ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    assert "manifest.jsonl" in archive.namelist()
    Job.objects.filter(state="completed").update(deleted_at="2026-01-01T00:00:00Z")
    assert alice.get(f"/batches/{batch.public_id}/results").status_code == 302


def test_the_page_reloads_when_the_batch_has_finished(alice: Person, batch: Batch) -> None:
    path = f"/batches/{batch.public_id}"
    assert "HX-Refresh" not in alice.get(path, **{"HX-Request": "true"}).headers
    alice.post(f"{path}/cancel")
    assert alice.get(path, **{"HX-Request": "true"})["HX-Refresh"] == "true"


def test_the_list_counts_refused_and_failed_requests(alice: Person, batch: Batch) -> None:
    assert "1 refused or failed" in alice.get("/batches").content.decode()


def test_polling_returns_changed_rows(alice: Person, batch: Batch, django_assert_num_queries: Any) -> None:
    path, htmx = f"/batches/{batch.public_id}", {"HX-Request": "true"}
    attribute = re.search(r'hx-get="([^"]+)"', alice.get(path).content.decode())
    assert attribute
    poll = html.unescape(attribute[1])
    # Session, user, membership with team; batch, its counts and rows, the last queued video, the videos ahead of it.
    with django_assert_num_queries(8):
        unchanged = alice.get(poll, **htmx).content.decode()
    assert "<tr" not in unchanged
    cancel_job(job=Job.objects.get(state="queued"))
    BatchItem.objects.create(
        team=batch.team, batch=batch, index=3, custom_id="shot-3", error={"code": "x", "message": "y"}
    )
    changed = alice.get(poll, **htmx).content.decode()
    assert re.findall(r'<tr id="(request-.)"\s*(hx-swap-oob|)', changed) == [
        ("request-1", "hx-swap-oob"),
        ("request-3", ""),
    ]
    assert "seen=completed%2Ccanceled%2Crefused%2Crefused" in changed
    assert alice.get(f"{path}?after=item_1", **htmx).status_code == 404
    for value in ("", ",", "%00", "completed," * 500):
        assert alice.get(f"{path}?seen={value}", **htmx).status_code == 200


def test_polling_adds_the_link_to_the_next_page(alice: Person, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_ITEMS_PER_PAGE", 3)
    path, htmx = f"/batches/{batch.public_id}", {"HX-Request": "true"}

    def poll_of(page: str) -> str:
        attribute = re.search(r'hx-get="([^"]+)"', page)
        assert attribute
        return str(alice.get(html.unescape(attribute[1]), **htmx).content.decode())

    page = alice.get(path).content.decode()
    assert "Next requests" not in page
    last = BatchItem.objects.filter(batch=batch).latest("pk")
    BatchItem.objects.create(team=batch.team, batch=batch, index=3, error={"code": "x", "message": "y"})
    polled = poll_of(page)
    assert re.search(rf'id="more" hx-swap-oob="true">\s*<a[^>]*\?after={last.public_id}"', polled)
    assert "<tr" not in polled
    assert 'id="more"' not in poll_of(polled)  # an existing link is not replaced, so that it keeps the focus
