"""The worker and its engine child as real processes: they work, and they are killed while they do."""

import json
import pickle
import signal
import time
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from accounts.quota.models import LedgerEntry
from inference.encoding import probe
from jobs.models import Job, JobEvent, Worker
from jobs.queue import reconcile
from jobs.queue.cancel import cancel_job
from jobs.queue.wakeup import redis_client
from jobs.states import TERMINAL, State
from tests.support.workers import wait_for_state, wait_until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.usefixtures("all_models")]

# Work that is not over before the test is done with it, or hurries it.
LONG = {"model": "scripted", "prompt": "delay=1", "steps": 100}
SCRIPTED = ("--model", "scripted")
SHORT_LEASE = {"LEASE_TIMEOUT_SECONDS": 5, "HEARTBEAT_INTERVAL_SECONDS": 0.5}
TINY = Path(settings.ROOT) / "tests" / "reference" / "i2vgen-xl-tiny"


def charged_once(job) -> bool:
    kinds = sorted(LedgerEntry.objects.filter(job_id=job.id).values_list("kind", flat=True))
    return kinds == ["reserve", "settle"] and job.charged_credits <= job.quoted_credits


def released(job) -> bool:
    kinds = sorted(LedgerEntry.objects.filter(job_id=job.id).values_list("kind", flat=True))
    return kinds == ["release", "reserve"] and job.charged_credits is None


def published(job) -> dict[str, object]:
    film = probe(Path(default_storage.path(job.result_key)))
    return {"width": film.width, "height": film.height, "frames": film.num_frames, "fps": film.fps}


def in_the_middle(job) -> bool:
    job.refresh_from_db()
    return job.state == State.IN_PROGRESS and job.steps_done > 0


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # nobody may be there to take note of an orphan's end
    except psutil.NoSuchProcess:
        return True


def test_it_makes_publishes_and_charges(submit, start_worker, as_alice, settings):
    settings.MODELS_ENABLED = ["camera"]
    worker = start_worker()
    job = wait_for_state(submit(num_frames=9, fps=5), State.COMPLETED, State.FAILED)
    assert published(job) == {"width": job.width, "height": job.height, "frames": 9, "fps": 5}
    assert charged_once(job)
    with default_storage.open(job.poster_key) as file:
        assert Image.open(file).size == (job.width, job.height)
    assert list(JobEvent.objects.order_by("id").values_list("kind", flat=True)) == ["queued", "started", "completed"]
    video = as_alice.get(f"/v1/videos/{job.public_id}").json()
    assert (video["status"], video["progress"], video["attempt"]) == ("completed", 100, 1)
    measured = wait_until(lambda: Worker.objects.filter(seconds_per_credit__gt=0).first())
    assert measured.seconds_per_credit == pytest.approx(job.gpu_seconds / job.quoted_credits)
    later = wait_for_state(submit(), State.COMPLETED, State.FAILED)
    assert (job.seconds_per_credit, later.seconds_per_credit) == (None, measured.seconds_per_credit)
    health = wait_until(lambda: (seen := as_alice.get("/health").json())["status"] == "healthy" and seen, 5)
    assert (health["model_loaded"], health["workers"]) == (True, 1)
    assert worker.stop() == 0
    assert not Worker.objects.exists()
    assert list((worker.log.parent / "scratch").iterdir()) == []


def test_gif(submit, start_worker):
    start_worker()
    job = wait_for_state(submit(output_format="gif"), State.COMPLETED, State.FAILED)
    with default_storage.open(job.result_key) as file:
        gif = Image.open(file)
        assert (gif.format, gif.n_frames, gif.size) == ("GIF", 8, (job.width, job.height))


def test_kill_9_of_the_engine_child_in_mid_job(submit, start_worker, hurry):
    worker = start_worker(*SCRIPTED)
    job = submit(**LONG)
    wait_until(lambda: in_the_middle(job))
    worker.engine.kill()
    hurry()
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert "engine_died" in worker.log.read_text()
    assert (job.state, job.attempt, job.crash_count) == (State.COMPLETED, 2, 1)
    assert f"/{job.attempt}/" in job.result_key
    assert charged_once(job)


def test_a_dead_engine_is_noticed_at_once(submit, start_worker):
    worker = start_worker(*SCRIPTED)
    job = submit(**LONG)
    wait_until(lambda: in_the_middle(job))
    worker.engine.kill()
    killed = timezone.now()
    wait_until(lambda: job.refresh_from_db() or job.crash_count)
    [line] = [line for line in worker.log.read_text().splitlines() if '"engine_died"' in line]
    assert (datetime.fromisoformat(json.loads(line)["timestamp"]) - killed).total_seconds() < 1.5


def test_kill_9_of_the_worker_in_mid_job(submit, start_worker, hurry):
    worker = start_worker(*SCRIPTED, **SHORT_LEASE)
    job = submit(**LONG)
    wait_until(lambda: in_the_middle(job))
    engine = worker.engine
    worker.process.kill()
    wait_until(lambda: has_ended(engine), 5)
    worker.process.wait()
    hurry()
    start_worker(*SCRIPTED)
    wait_until(reconcile.recover_expired_leases, 15)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt, job.crash_count) == (State.COMPLETED, 2, 1)
    assert charged_once(job)


def test_a_worker_that_was_frozen_beyond_its_lease_changes_nothing(submit, start_worker, hurry):
    """SIGSTOP: the job goes to another worker, and the zombie that wakes up is fenced off."""
    zombie = start_worker(*SCRIPTED, **SHORT_LEASE)
    job = submit(**LONG)
    wait_until(lambda: in_the_middle(job))
    engine = zombie.engine
    zombie.process.send_signal(signal.SIGSTOP)
    engine.suspend()
    wait_until(reconcile.recover_expired_leases, 15)
    start_worker(*SCRIPTED)
    wait_until(lambda: job.refresh_from_db() or job.attempt == 2, 15)
    engine.resume()  # first: the worker ends it as soon as it wakes
    zombie.process.send_signal(signal.SIGCONT)
    zombie.wait_for("attempt_fenced_off")
    hurry()
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt) == (State.COMPLETED, 2)
    assert charged_once(job)


def test_cancel_of_a_running_job(submit, start_worker, hurry):
    worker = start_worker(*SCRIPTED, HEARTBEAT_INTERVAL_SECONDS=0.5)
    job = submit(**LONG)
    wait_until(lambda: in_the_middle(job))
    engine = worker.engine.pid
    cancel_job(job=job)
    wait_for_state(job, State.CANCELED, State.COMPLETED)
    assert job.state == State.CANCELED
    assert (job.finished_at - job.cancel_requested_at).total_seconds() < 4
    assert released(job)
    hurry()
    after = wait_for_state(submit(**LONG), State.COMPLETED, State.FAILED)
    assert after.state == State.COMPLETED
    assert worker.engine.pid == engine  # the same child, unharmed


def test_sigterm_lets_it_finish_what_it_holds(submit, start_worker, hurry):
    worker = start_worker(*SCRIPTED, DRAIN_TIMEOUT_SECONDS=600)
    job, later = submit(**LONG), submit(**LONG)
    wait_until(lambda: in_the_middle(job))
    worker.process.send_signal(signal.SIGTERM)
    hurry()
    assert worker.stop() == 0  # a second SIGTERM does no harm
    job.refresh_from_db()
    later.refresh_from_db()
    assert (job.state, job.attempt, later.state) == (State.COMPLETED, 1, State.QUEUED)
    assert charged_once(job)


def test_sigterm_hands_back_what_does_not_fit_and_counts_no_crash(submit, start_worker, hurry):
    worker = start_worker(*SCRIPTED, DRAIN_TIMEOUT_SECONDS=0.2)
    job = submit(**LONG)
    wait_until(lambda: in_the_middle(job))
    assert worker.stop() == 0
    job.refresh_from_db()
    assert (job.state, job.attempt, job.crash_count) == (State.QUEUED, 1, 0)
    hurry()
    start_worker(*SCRIPTED)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt) == (State.COMPLETED, 2)
    assert charged_once(job)


def test_forged_doorbells_do_nothing(submit, start_worker, tmp_path):
    """Entries that name a function or hold a pickle ring the bell, and that is all."""
    proof = tmp_path / "owned"
    worker = start_worker()
    redis, queue = redis_client(), "rq:queue:pool.cpu"

    class Bomb:
        def __reduce__(self):
            return (__import__("os").system, (f"touch {proof}",))

    for number, data in enumerate(
        (b'["os.system", null, ["touch %s"], {}]' % str(proof).encode(), pickle.dumps(Bomb()), b"\x80\x05.")
    ):
        redis.hset(f"rq:job:forged{number}", mapping={"data": data, "origin": "pool.cpu", "status": "queued"})
        redis.lpush(queue, f"forged{number}")
    redis.lpush(queue, pickle.dumps(Bomb()))
    job = wait_for_state(submit(), State.COMPLETED, State.FAILED)
    assert job.state == State.COMPLETED
    assert worker.process.poll() is None
    assert redis.llen(queue) == 0
    assert not proof.exists()


def test_a_model_that_is_not_there_makes_the_worker_unhealthy_and_says_why(start_worker, tmp_path):
    start_worker("--model", "i2vgen-xl-tiny", "--source", str(tmp_path), wait="engine_load_failed")
    found = wait_until(lambda: Worker.objects.filter(state=Worker.State.UNHEALTHY).first(), 10)
    assert "model_index.json" in found.last_error


def test_the_diffusion_model_on_its_tiny_checkpoint(submit, start_worker):
    start_worker("--model", "i2vgen-xl-tiny", "--source", str(TINY), wait="engine_ready")
    job = submit(model="i2vgen-xl-tiny", size="128x128", steps=10, resolution=...)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert published(job) == {"width": 128, "height": 128, "frames": 8, "fps": 8}
    assert charged_once(job)


@pytest.mark.parametrize(
    ("script", "code", "crashes", "restarts"),
    [
        ("fail_at=3", "scripted_failure", 0, False),
        ("oom_at=3", "out_of_memory", 2, True),
        ("segfault_at=3", "engine_crashed", 3, True),
        ("raise_at=3", "engine_failed", 3, True),
        ("break_at=3", "device_broken", 3, True),
        ("hang_at=3", "engine_hung", 3, True),
    ],
)
def test_what_an_engine_can_suffer(script, code, crashes, restarts, submit, start_worker):
    """The job fails with its reason, for free, after as many tries as make sense; the next job is unharmed."""
    # Where no engine hangs, none is to be taken for one that does only since the machine is busy.
    worker = start_worker(*SCRIPTED, ENGINE_PROGRESS_TIMEOUT_SECONDS=1 if code == "engine_hung" else 600)
    engine = worker.engine.pid
    job = submit(model="scripted", prompt=script, steps=10)
    while not job.is_finished:
        wait_for_state(job, State.QUEUED, *TERMINAL)
        Job.objects.filter(pk=job.pk, state=State.QUEUED).update(not_before=None)
        time.sleep(0.1)
    assert (job.state, job.error_code, job.crash_count) == (State.FAILED, code, crashes)
    assert released(job)
    after = wait_for_state(submit(model="scripted", prompt="fine", steps=10), State.COMPLETED, State.FAILED)
    assert after.state == State.COMPLETED
    assert (worker.engine.pid != engine) is restarts


def test_what_the_engine_child_logs_is_json_too(submit, start_worker):
    worker = start_worker(*SCRIPTED)
    wait_for_state(submit(model="scripted", prompt="raise_at=1"), State.QUEUED, State.FAILED)
    worker.wait_for("The engine failed unexpectedly.")
    worker.stop()
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    (failed,) = [line for line in lines if line["event"] == "The engine failed unexpectedly."]
    assert (failed["logger"], failed["level"]) == ("jobs.worker.child", "error")
    assert "The script requests an unexpected error." in json.dumps(failed["exception"])
