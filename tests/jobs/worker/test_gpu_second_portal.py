"""The worker of an upstream server that is a second portal, which is killed while it works."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from inference.models.catalogue import MODELS
from inference.models.files import read_models_file
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import State
from tests.jobs.worker.test_gpu import is_charged_once, is_released, published_properties
from tests.support.portal_process import WAIT_TIMEOUT_SECONDS, Portal
from tests.support.workers import DelaySwitch, WorkerProcess, refreshed, wait_for_state, wait_until

pytestmark = pytest.mark.process


class SecondPortal:
    """A portal with the models `camera` and `scripted`, and a key for it in a file."""

    def __init__(self, portal: Portal, key_file: Path, skip_delays_file: Path) -> None:
        self.portal, self.key_file = portal, key_file
        portal.env |= {"MODELS_ENABLED": "camera,scripted", "SCRIPT_SKIP_DELAYS_FILE": str(skip_delays_file)}
        portal.copy_database()
        portal.start()
        created = portal.run("create_key", "--email=studio@example.com", "--credits=10000")
        assert created.returncode == 0, created.stderr
        key_file.write_text(created.stdout)

    @property
    def tables(self) -> str:
        """The tables of MODELS_FILE with two models of the portal: `studio` is its camera, `slow` the scripted one."""
        options = f"""
            engine = "upstream"
            url = "http://127.0.0.1:{self.portal.port}/v1"
            api_key_file = {json.dumps(str(self.key_file))}
            poll_seconds = 0.2
            """
        hidden = f'extends = "scripted"\nupstream_model = "scripted"\nserver = "mutoscope"\n{options}'
        return f'[models.studio]\nupstream_model = "camera"\n{options}\n[models.slow]\n{hidden}'

    def videos(self) -> list[dict[str, Any]]:
        """Return the videos that it has, the newest first."""
        headers = {"Authorization": f"Bearer {self.key_file.read_text().strip()}"}
        answer = httpx.get(f"http://127.0.0.1:{self.portal.port}/v1/videos", headers=headers, timeout=60)
        data: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
        return data

    def kill(self) -> None:
        """Kill all its processes."""
        processes = self.portal.tree()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=WAIT_TIMEOUT_SECONDS)


@pytest.fixture
def second(new_portal: Callable[[], Portal], tmp_path: Path, skip_delays: DelaySwitch) -> SecondPortal:
    return SecondPortal(new_portal(), tmp_path / "key", tmp_path / "skip-delays")


@pytest.fixture
def start(
    second: SecondPortal,
    tmp_path: Path,
    start_worker: Callable[..., WorkerProcess],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], WorkerProcess]:
    """Start a worker of one of its models."""
    file = tmp_path / "models.toml"
    file.write_text(second.tables)
    models = read_models_file(str(file))
    for name, model in models.items():
        monkeypatch.setitem(MODELS, name, model)
    settings.MODELS_ENABLED = ["camera", *models]
    return lambda model: start_worker("--model", model, MODELS_FILE=str(file), HEARTBEAT_INTERVAL_SECONDS=0.5)


def test_kill_9_of_the_portal(
    second: SecondPortal,
    submit: Callable[..., Job],
    start: Callable[[str], WorkerProcess],
    skip_delays: DelaySwitch,
) -> None:
    """It keeps its videos, so they are neither lost nor made twice; a canceled one is canceled there."""
    start("studio")
    job = wait_for_state(submit(model="studio"), State.COMPLETED, State.FAILED)
    assert published_properties(job) == {"width": job.width, "height": job.height, "frames": 8, "fps": 8}
    assert is_charged_once(job)
    [made] = second.videos()
    assert (made["id"], made["seed"], made["prompt"]) == (job.external_id, job.seed, job.prompt)

    start("slow")
    canceled = submit(model="slow", prompt="delay=1", steps=100)
    external_id = wait_until(lambda: refreshed(canceled).steps_done > 1 and canceled.external_id)
    cancel_job(job=canceled)
    wait_for_state(canceled, State.CANCELED, State.COMPLETED)
    assert is_released(canceled)
    wait_until(lambda: (second.videos()[0]["id"], second.videos()[0]["status"]) == (external_id, "canceled"))

    slow = submit(model="slow", prompt="delay=1", steps=100)
    external_id = wait_until(lambda: refreshed(slow).external_id)
    second.kill()
    skip_delays()
    second.portal.start()
    wait_for_state(slow, State.COMPLETED, State.FAILED)
    assert (slow.state, slow.attempt, slow.external_id) == (State.COMPLETED, 1, external_id)
    assert is_charged_once(slow)
    assert len(second.videos()) == 3
