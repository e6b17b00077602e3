"""The pages of batches: what there is, where it stands, cancel and download."""

import io
from zipfile import ZipFile

import pytest
from django.db import connection

from accounts.models import Team
from jobs.batches import standing
from jobs.batches.models import Batch, BatchItem
from jobs.models import Job
from jobs.states import State
from tests.pages.conftest import Person


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
        cursor.execute(f"EXPLAIN {standing._COUNT}", [[batch.pk]])
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
