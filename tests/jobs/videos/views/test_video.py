"""The video page in every state, its live fragment, cancel and delete."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.quota.models import Wallet
from jobs.models import Job, Worker
from jobs.states import State
from tests.support.people import Person

Make = Callable[..., Job]


def page_of(person: Person, job: Job) -> str:
    response = person.get(f"/videos/{job.public_id}")
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


def test_a_completed_video_plays_and_can_be_downloaded(mia: Person, make_job: Make) -> None:
    job = make_job(mia, State.COMPLETED)
    page = page_of(mia, job)
    for part in ("<video", "controls", "loop", "playsinline", "muted", "autoplay", "variant=thumbnail", "download=1"):
        assert part in page
    assert "every 1s" not in page
    assert f"/?like={job.public_id}" in page
    assert mia.get(f"/v1/videos/{job.public_id}/content?variant=video").content == b"video"


def test_a_gif_is_shown_as_a_picture(mia: Person, make_job: Make) -> None:
    page = page_of(mia, make_job(mia, State.COMPLETED, output_format="gif"))
    assert "<video" not in page
    assert 'class="result"' in page


@pytest.mark.parametrize(
    ("state", "columns", "says"),
    [
        (State.QUEUED, {}, "Waiting in the queue"),
        (State.IN_PROGRESS, {"steps_done": 12}, "Step 12 of 50"),
        (State.IN_PROGRESS, {"steps_done": 50}, "Finishing the video"),
        (State.FAILED, {"error_message": "The lamp burnt out.", "error_code": "lamp"}, "The lamp burnt out."),
        (State.FAILED, {"error_code": "out_of_memory"}, "lower resolution"),
        (State.CANCELED, {}, "canceled before"),
        (State.EXPIRED, {}, "deadline passed"),
    ],
)
def test_every_state_has_a_description(
    state: State, columns: dict[str, Any], says: str, mia: Person, make_job: Make
) -> None:
    job = make_job(mia, state, **columns)
    page = page_of(mia, job)
    assert says in page
    assert ("every 1s" in page) == (not job.is_finished)
    if job.is_finished:
        assert "Nothing was charged" in page


def test_the_live_fragment_shows_attempt_progress_and_cancel(mia: Person, make_job: Make) -> None:
    job = make_job(mia, State.IN_PROGRESS, steps_done=25)
    Job.objects.filter(pk=job.pk).update(attempt=2)
    response = mia.htmx(f"/videos/{job.public_id}/live?seen=queued")
    fragment = response.content.decode()
    for part in ("50 %", "Step 25 of 50", "attempt 2", "every 1s", "Cancel", 'role="status"'):
        assert part in fragment
    assert "<html" not in fragment
    assert "HX-Retarget" not in response


def test_the_live_fragment_returns_the_whole_content_of_a_finished_job(mia: Person, make_job: Make) -> None:
    job = make_job(mia, State.COMPLETED)
    response = mia.htmx(f"/videos/{job.public_id}/live?seen=in_progress")
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#video", "outerHTML")
    assert "every 1s" not in response.content.decode()
    assert "<video" in response.content.decode()
    assert 'id="credits-rail"' in response.content.decode()


def test_the_wait_reason_of_a_queued_job_is_shown(mia: Person, make_job: Make) -> None:
    first, second = make_job(mia), make_job(mia)
    assert "No worker is running" in page_of(mia, first)
    Worker.objects.create(
        name="w", pool="cpu", model="camera", state="ready", device="cpu", last_heartbeat_at=timezone.now()
    )
    assert "Next in the queue" in page_of(mia, first)
    assert "1 video is ahead in the queue" in page_of(mia, second)
    Worker.objects.update(model="", loading_model="camera", installed_models={"camera": {"load_seconds": 9.0}})
    assert "The model is being loaded" in page_of(mia, first)


def test_cancel_of_a_queued_job_releases_its_credits(mia: Person, make_job: Make) -> None:
    job = make_job(mia)
    response = mia.htmx(f"/videos/{job.public_id}/cancel", {})
    assert response["HX-Retarget"] == "#video"
    assert "Nothing was charged" in response.content.decode()
    job.refresh_from_db()
    assert job.state == State.CANCELED
    assert Wallet.objects.get(team=mia.team).reserved == 0


def test_cancel_of_a_running_job_waits_for_the_worker(mia: Person, make_job: Make) -> None:
    job = make_job(mia, State.IN_PROGRESS)
    assert "Stopping" in mia.htmx(f"/videos/{job.public_id}/cancel", {}).content.decode()
    assert mia.post(f"/videos/{job.public_id}/cancel")["Location"] == f"/videos/{job.public_id}"


def test_a_deleted_video_is_no_longer_shown(mia: Person, make_job: Make) -> None:
    job = make_job(mia, State.COMPLETED)
    response = mia.post(f"/videos/{job.public_id}/delete")
    assert (response.status_code, response["Location"]) == (302, "/history")
    history = mia.get("/history").content.decode()
    assert "The video was deleted." in history
    assert mia.get(f"/videos/{job.public_id}").status_code == 404
    assert job.public_id not in history


def test_a_viewer_sees_no_buttons(alice: Person, bob: Person, make_job: Make) -> None:
    assert "/cancel" not in page_of(bob, make_job(alice))
    done = page_of(bob, make_job(alice, State.COMPLETED))
    assert "/delete" not in done
    assert "?like=" not in done
    assert "download=1" in done


def test_an_expired_video_has_a_message(mia: Person, make_job: Make) -> None:
    page = page_of(mia, make_job(mia, State.COMPLETED, files_deleted_at=timezone.now()))
    assert "This video has expired" in page
    assert "<video" not in page


def test_the_picture_is_a_small_jpeg_and_missing_without_its_file(mia: Person, make_job: Make) -> None:
    job = make_job(mia)
    response = mia.get(f"/videos/{job.public_id}/picture")
    assert response["Content-Type"] == "image/jpeg"
    assert response.content.startswith(b"\xff\xd8\xff")
    assert response["Cache-Control"].startswith("private")
    default_storage.delete(job.source_key)
    assert mia.get(f"/videos/{job.public_id}/picture").status_code == 404
