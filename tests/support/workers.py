"""Real workers as processes of their own, against this test's database."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django_rq
import psutil
import pytest
from django.conf import settings

from jobs.models import Job
from jobs.worker.maintenance import MaintenanceWorker
from tests.support.environment import process_environment

# A wait ends when its condition holds; the limit is high for busy machines.
WAIT_TIMEOUT_SECONDS = 120.0


class WorkerProcess:
    """A running `manage.py gpuworker`."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "gpuworker", "--device", "cpu", *arguments],
                cwd=settings.ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def engine(self) -> psutil.Process:
        """The engine child."""
        return self.engines[0]

    @property
    def engines(self) -> list[psutil.Process]:
        """The engine children of a worker that runs several videos at once."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    def wait_for(self, event: str, seconds: float = WAIT_TIMEOUT_SECONDS) -> None:
        """Wait until the worker has logged an event."""
        wait_until(
            lambda: event in self.log.read_text() or self.process.poll() is not None, seconds, self.log.read_text
        )
        assert event in self.log.read_text(), self.log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_TIMEOUT_SECONDS)


def register_maintenance_worker(*queues: str) -> MaintenanceWorker:
    """Add a maintenance worker to RQ's registry. It does not run."""
    worker: MaintenanceWorker = django_rq.get_worker(*queues, worker_class=MaintenanceWorker)
    worker.register()
    return worker


def wait_until(
    condition: Callable[[], Any], seconds: float = WAIT_TIMEOUT_SECONDS, explain: Callable[[], str] = str
) -> Any:
    """Poll until the condition is true and return its value; fail with an explanation after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds} s: {explain()}")


def refreshed(job: Job) -> Job:
    """Read the job from the database again and return it."""
    job.refresh_from_db()
    return job


def wait_for_state(job: Job, *states: str, seconds: float = WAIT_TIMEOUT_SECONDS) -> Job:
    """Return the job once it is in one of the states."""

    def is_reached() -> bool:
        job.refresh_from_db()
        return job.state in states

    wait_until(is_reached, seconds, lambda: f"it is {job.state}: {job.error_message}")
    return job


class DelaySwitch:
    """A call removes the delays of this test's scripted engines, until `restore`.

    A job that a test observes while it runs has a longer delay than the test may take, and is hurried afterwards. With
    a delay of the expected length the job could finish before a busy machine observes it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self) -> None:
        self._file.touch()

    def restore(self) -> None:
        self._file.unlink()


@pytest.fixture
def skip_delays(tmp_path: Path) -> DelaySwitch:
    return DelaySwitch(tmp_path / "skip-delays")


@pytest.fixture
def start_worker(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers (by default of the camera); keywords are environment variables. All are killed after the test."""
    started: list[WorkerProcess] = []

    def start(*arguments: str, wait: str = "engine_ready", **variables: Any) -> WorkerProcess:
        defaults = {
            "LOG_JSON": "1",
            # torch's threads spin while they wait for each other, which takes minutes on two busy cores.
            "OMP_NUM_THREADS": "1",
            "SCRATCH_DIR": str(tmp_path / "scratch"),
            "SCRIPT_SKIP_DELAYS_FILE": str(tmp_path / "skip-delays"),
        }
        log = tmp_path / f"worker-{len(started)}.log"
        environment = process_environment({**defaults, **variables})
        started.append(WorkerProcess(list(arguments) or ["--model", "camera"], environment, log))
        if wait:
            started[-1].wait_for(wait)
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            children = psutil.Process(worker.process.pid).children(recursive=True)
            worker.process.kill()
            worker.process.wait()
            psutil.wait_procs(children, timeout=5)


@pytest.fixture
def all_models(settings: Any) -> None:
    """Requests may name every model that the tests use."""
    settings.MODELS_ENABLED = ["camera", "scripted", "i2vgen-xl-tiny"]
