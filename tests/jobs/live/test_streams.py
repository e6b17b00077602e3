"""Events of videos, read from a real `live` process while real workers make them."""

import pytest

from jobs.services.cancel import delete_job
from jobs.states import State
from tests.jobs.live.listener import Listener
from tests.workers import wait_for_state

pytestmark = pytest.mark.xdist_group("processes")

LONG = {"model": "scripted", "prompt": "delay=0.2", "steps": 15}


@pytest.fixture(autouse=True)
def all_models(settings):
    settings.MODELS_ENABLED = ["camera", "scripted", "i2vgen-xl-tiny"]


def test_from_queued_to_completed(submit, start_worker, live_process, alice):
    live = live_process()
    job = submit(**LONG)
    with Listener(live.url, job, alice.headers) as heard:
        assert heard.headers["Content-Type"] == "text/event-stream"
        assert heard.headers["Cache-Control"] == "no-cache, no-transform"
        assert heard.headers["X-Accel-Buffering"] == "no"
        heard.wait(lambda it: it.statuses == ["queued"])
        start_worker("--model", "scripted")
        heard.wait(lambda it: it.ended)
    assert heard.raw.startswith("retry: ")
    assert heard.statuses == ["queued", "in_progress", "completed"]
    assert [event.id for event in heard.of("status")] == ["1-0", "3-0", "5-0"]
    assert all(event.data["id"] == job.public_id for event in heard.events)
    steps = [event.data["step"] for event in heard.of("progress")]
    assert len(steps) >= 3
    assert steps == sorted(set(steps))
    assert {event.data["steps"] for event in heard.of("progress")} == {15}
    previews = heard.of("preview")
    assert 2 <= len(previews) <= 7
    assert all(event.picture.format == "JPEG" and len(event.data["image_base64"]) <= 20_000 for event in previews)
    assert wait_for_state(job, State.COMPLETED).attempt == 1


def test_deletion_ends_it(submit, live_process, alice):
    live = live_process()
    job = submit()
    with Listener(live.url, job, alice.headers) as heard:
        heard.wait(lambda it: it.statuses)
        delete_job(job=job)
        heard.wait(lambda it: it.ended)
    with Listener(live.url, job, alice.headers) as again:
        assert again.status == 404
