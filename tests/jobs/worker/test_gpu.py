"""The worker and its engine as real processes, which are killed while they work."""

import json
import pickle
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from accounts.quota.models import LedgerEntry
from common.redis_client import redis_client
from common.tasks.queues import TASK_QUEUES
from inference.encoding import probe
from jobs.models import Job, JobEvent, Worker
from jobs.queue import reconcile
from jobs.queue.cancel import cancel_job
from jobs.states import TERMINAL, State
from tests.support.api_client import ApiClient
from tests.support.forged_pickle import ForgedPickle
from tests.support.workers import (
    DelaySwitch,
    WorkerProcess,
    refreshed,
    register_maintenance_worker,
    wait_for_state,
    wait_until,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("all_models")]

# Takes longer than the test needs. The test then skips the rest of the delays with `skip_delays`.
LONG: dict[str, Any] = {"model": "scripted", "prompt": "delay=1", "steps": 100}
SCRIPTED = ("--model", "scripted")
SHORT_LEASE = {"LEASE_TIMEOUT_SECONDS": 5, "HEARTBEAT_INTERVAL_SECONDS": 0.5}
TINY = Path(settings.ROOT) / "tests" / "reference" / "i2vgen-xl-tiny"


def is_charged_once(job: Job) -> bool:
    kinds = sorted(LedgerEntry.objects.filter(job_id=job.id).values_list("kind", flat=True))
    return (
        kinds == ["reserve", "settle"] and job.charged_credits is not None and job.charged_credits <= job.quoted_credits
    )


def is_released(job: Job) -> bool:
    kinds = sorted(LedgerEntry.objects.filter(job_id=job.id).values_list("kind", flat=True))
    return kinds == ["release", "reserve"] and job.charged_credits is None


def published_properties(job: Job) -> dict[str, object]:
    video = probe(Path(default_storage.path(job.result_key)))
    return {"width": video.width, "height": video.height, "frames": video.num_frames, "fps": video.fps}


def is_in_progress(job: Job) -> bool:
    job.refresh_from_db()
    return job.state == State.IN_PROGRESS and job.steps_done > 0


def has_exited(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)  # an orphan may have no parent that waits for it
    except psutil.NoSuchProcess:
        return True


def test_a_video_is_generated_published_and_charged(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], as_alice: ApiClient, settings: Any
) -> None:
    settings.MODELS_ENABLED = ["camera"]
    worker = start_worker()
    job = wait_for_state(submit(num_frames=9, fps=5), State.COMPLETED, State.FAILED)
    assert published_properties(job) == {"width": job.width, "height": job.height, "frames": 9, "fps": 5}
    assert is_charged_once(job)
    with default_storage.open(job.poster_key) as file:
        assert Image.open(file).size == (job.width, job.height)
    assert list(JobEvent.objects.order_by("id").values_list("kind", flat=True)) == ["queued", "started", "completed"]
    video = as_alice.get(f"/v1/videos/{job.public_id}").json()
    assert (video["status"], video["progress"], video["attempt"]) == ("completed", 100, 1)
    worker_row = wait_until(lambda: Worker.objects.filter(seconds_per_credit__gt=0).first())
    assert job.gpu_seconds is not None
    assert worker_row.seconds_per_credit == pytest.approx(job.gpu_seconds / job.quoted_credits)
    later = wait_for_state(submit(), State.COMPLETED, State.FAILED)
    assert (job.seconds_per_credit, later.seconds_per_credit) == (None, worker_row.seconds_per_credit)
    register_maintenance_worker(*TASK_QUEUES)
    health = wait_until(lambda: (body := as_alice.get("/health").json())["status"] == "healthy" and body, 5)
    assert (health["model_loaded"], health["workers"]) == (True, 1)
    assert worker.stop() == 0
    assert not Worker.objects.exists()
    assert list((worker.log.parent / "scratch").iterdir()) == []


def test_gif(submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess]) -> None:
    start_worker()
    job = wait_for_state(submit(output_format="gif"), State.COMPLETED, State.FAILED)
    with default_storage.open(job.result_key) as file:
        gif: Any = Image.open(file)
        assert (gif.format, gif.n_frames, gif.size) == ("GIF", 8, (job.width, job.height))


def test_kill_9_of_the_engine_during_a_job(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    worker = start_worker(*SCRIPTED)
    job = submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    worker.engine.kill()
    skip_delays()
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert "engine_died" in worker.log.read_text()
    assert (job.state, job.attempt, job.crash_count) == (State.COMPLETED, 2, 1)
    assert f"/{job.attempt}/" in job.result_key
    assert is_charged_once(job)


def test_a_dead_engine_is_noticed_at_once(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker(*SCRIPTED)
    job = submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    worker.engine.kill()
    killed = timezone.now()
    wait_until(lambda: refreshed(job).crash_count)
    [line] = [line for line in worker.log.read_text().splitlines() if '"engine_died"' in line]
    assert (datetime.fromisoformat(json.loads(line)["timestamp"]) - killed).total_seconds() < 1.5


def test_kill_9_of_the_worker_during_a_job(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    worker = start_worker(*SCRIPTED, **SHORT_LEASE)
    job = submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    engine = worker.engine
    worker.process.kill()
    wait_until(lambda: has_exited(engine), 5)
    worker.process.wait()
    skip_delays()
    start_worker(*SCRIPTED)
    wait_until(reconcile.recover_expired_leases, 15)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt, job.crash_count) == (State.COMPLETED, 2, 1)
    assert is_charged_once(job)


def test_a_worker_that_is_frozen_beyond_its_lease_is_fenced_off(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    """SIGSTOP: the job goes to another worker, and the frozen worker is fenced off when it continues."""
    frozen_worker = start_worker(*SCRIPTED, **SHORT_LEASE)
    job = submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    engine = frozen_worker.engine
    frozen_worker.process.send_signal(signal.SIGSTOP)
    engine.suspend()
    wait_until(reconcile.recover_expired_leases, 15)
    start_worker(*SCRIPTED)
    wait_until(lambda: refreshed(job).attempt == 2, 15)
    engine.resume()  # first, because the worker kills the engine as soon as it continues
    frozen_worker.process.send_signal(signal.SIGCONT)
    frozen_worker.wait_for("attempt_fenced_off")
    skip_delays()
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt) == (State.COMPLETED, 2)
    assert is_charged_once(job)


def test_cancel_of_a_running_job(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    worker = start_worker(*SCRIPTED, HEARTBEAT_INTERVAL_SECONDS=0.5)
    job = submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    engine_pid = worker.engine.pid
    cancel_job(job=job)
    wait_for_state(job, State.CANCELED, State.COMPLETED)
    assert job.state == State.CANCELED
    assert job.finished_at is not None
    assert job.cancel_requested_at is not None
    assert (job.finished_at - job.cancel_requested_at).total_seconds() < 4
    assert is_released(job)
    skip_delays()
    after = wait_for_state(submit(**LONG), State.COMPLETED, State.FAILED)
    assert after.state == State.COMPLETED
    assert worker.engine.pid == engine_pid  # the same process, still usable


def test_sigterm_lets_the_worker_finish_its_job(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    worker = start_worker(*SCRIPTED, DRAIN_TIMEOUT_SECONDS=600)
    job, later = submit(**LONG), submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    worker.process.send_signal(signal.SIGTERM)
    skip_delays()
    assert worker.stop() == 0  # a second SIGTERM has no effect
    job.refresh_from_db()
    later.refresh_from_db()
    assert (job.state, job.attempt, later.state) == (State.COMPLETED, 1, State.QUEUED)
    assert is_charged_once(job)


def test_sigterm_requeues_unfinished_jobs_and_counts_no_crash(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    worker = start_worker(*SCRIPTED, DRAIN_TIMEOUT_SECONDS=0.2)
    job = submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    assert worker.stop() == 0
    job.refresh_from_db()
    assert (job.state, job.attempt, job.crash_count) == (State.QUEUED, 1, 0)
    skip_delays()
    start_worker(*SCRIPTED)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt) == (State.COMPLETED, 2)
    assert is_charged_once(job)


def test_forged_wakeups_do_nothing(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    """Entries that name a function or contain a pickle wake the worker up and have no other effect."""
    marker = tmp_path / "owned"
    worker = start_worker()
    redis, queue = redis_client(), "rq:queue:pool.cpu"

    pickled = pickle.dumps(ForgedPickle(marker))
    for number, data in enumerate(
        (b'["os.system", null, ["touch %s"], {}]' % str(marker).encode(), pickled, b"\x80\x05.")
    ):
        redis.hset(f"rq:job:forged{number}", mapping={"data": data, "origin": "pool.cpu", "status": "queued"})
        redis.lpush(queue, f"forged{number}")
    redis.lpush(queue, pickled)
    job = wait_for_state(submit(), State.COMPLETED, State.FAILED)
    assert job.state == State.COMPLETED
    assert worker.process.poll() is None
    assert redis.llen(queue) == 0
    assert not marker.exists()


def test_a_worker_with_a_missing_model_is_unhealthy_and_reports_why(
    start_worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    start_worker("--model", "i2vgen-xl-tiny", "--source", str(tmp_path), wait="engine_load_failed")
    found = wait_until(lambda: Worker.objects.filter(state=Worker.State.UNHEALTHY).first(), 10)
    assert "model_index.json" in str(found.last_error_message)


def test_a_worker_with_several_models_swaps_and_reloads_them(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], as_alice: ApiClient, tmp_path: Path
) -> None:
    """One model cannot be loaded: it is reported, and does not stop the others."""
    models_file = tmp_path / "models.toml"
    models_file.write_text('[models.broken]\nextends = "scripted"\ntitle = "Broken"\nweights = "load=never"\n')
    options = ("--models", "scripted,broken,camera", "--idle-unload", "0.5")
    worker = start_worker(*options, MODELS_FILE=models_file, HEARTBEAT_INTERVAL_SECONDS=0.2)
    assert wait_for_state(submit(), State.COMPLETED, State.FAILED).state == State.COMPLETED
    unserved = submit(model="scripted")
    Job.objects.filter(pk=unserved.pk).update(model="broken")
    row = wait_until(lambda: next((row for row in Worker.objects.all() if row.load_errors), None))
    assert "The model could not be loaded" in str(row.load_errors["broken"])
    cancel_job(job=unserved)
    job = wait_for_state(submit(model="scripted", steps=10), State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt) == (State.COMPLETED, 1)
    worker.wait_for("idle_model_unloaded")
    row = wait_until(lambda: Worker.objects.filter(state=Worker.State.READY, model="", loading_model="").first())
    assert (row.served_models, row.installed_models["scripted"]["load_seconds"] > 0) == ({"scripted", "camera"}, True)
    assert as_alice.get("/v1/models/camera").json()["ready"]
    assert worker.stop() == 0


def test_the_diffusion_model_on_its_tiny_checkpoint(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess]
) -> None:
    start_worker("--model", "i2vgen-xl-tiny", "--source", str(TINY), wait="engine_ready")
    job = submit(model="i2vgen-xl-tiny", size="128x128", steps=10, resolution=...)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert published_properties(job) == {"width": 128, "height": 128, "frames": 8, "fps": 8}
    assert is_charged_once(job)


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
def test_failures_of_the_engine(
    script: str,
    code: str,
    crashes: int,
    restarts: bool,
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
) -> None:
    """The job fails with its error code, without charge, after the right number of attempts. The next job completes."""
    # Only the hanging engine has a short timeout: on a busy machine the others might exceed it, too.
    worker = start_worker(*SCRIPTED, ENGINE_PROGRESS_TIMEOUT_SECONDS=1 if code == "engine_hung" else 600)
    engine_pid = worker.engine.pid
    job = submit(model="scripted", prompt=script, steps=10)
    while not job.is_finished:
        wait_for_state(job, State.QUEUED, *TERMINAL)
        Job.objects.filter(pk=job.pk, state=State.QUEUED).update(not_before=None)
        time.sleep(0.1)
    assert (job.state, job.error_code, job.crash_count) == (State.FAILED, code, crashes)
    assert is_released(job)
    after = wait_for_state(submit(model="scripted", prompt="fine", steps=10), State.COMPLETED, State.FAILED)
    assert after.state == State.COMPLETED
    assert (worker.engine.pid != engine_pid) is restarts


def test_the_engine_logs_json(submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess]) -> None:
    worker = start_worker(*SCRIPTED)
    wait_for_state(submit(model="scripted", prompt="raise_at=1"), State.QUEUED, State.FAILED)
    worker.wait_for("The engine failed unexpectedly.")
    worker.stop()
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    (failed,) = [line for line in lines if line["event"] == "The engine failed unexpectedly."]
    assert (failed["logger"], failed["level"]) == ("jobs.worker.child", "error")
    assert "The script requests an unexpected error." in json.dumps(failed["exception"])
