"""Batches with the library and with the command, against a running site."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.conf import settings

from jobs.batches.models import Batch
from jobs.models import Job
from mutoscope import AsyncMutoscope, BatchError, BatchItem, FileError, Mutoscope
from mutoscope import Batch as ClientBatch
from mutoscope.cli.progress_display import describe_counts
from tests.client.conftest import CAT, SMALL
from tests.client.shell import Shell
from tests.support.environment import web_environment
from tests.support.web_processes import LiveProcess

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def _live(module_live_process: Callable[..., LiveProcess]) -> LiveProcess:
    return module_live_process()


@pytest.fixture
def live(transactional_db: None, _live: LiveProcess) -> LiveProcess:
    return _live


@pytest.fixture
def maintenance_worker(live: LiveProcess) -> Iterator[None]:
    """Runs the worker that finishes a batch after its last video is finished."""
    command = [sys.executable, "manage.py", "maintenance_worker"]
    process = subprocess.Popen(command, cwd=settings.ROOT, env=web_environment({}))
    yield
    process.terminate()
    process.wait(60)


def batch_requests(count: int, image: str | Path = CAT) -> list[dict[str, Any]]:
    return [{"image": image, "prompt": f"take {n}", "custom_id": f"take-{n}", **SMALL} for n in range(count)]


@pytest.mark.usefixtures("maintenance_worker")
def test_one_image_with_many_prompts(
    live: LiveProcess, key: str, start_worker: Callable[..., object], tmp_path: Path
) -> None:
    start_worker()
    states: list[ClientBatch] = []
    with Mutoscope(live.url, key) as client:
        batch = client.batches.create([*batch_requests(3), {"image": CAT, "prompt": "x", "fps": 99}], name="Spring")
        assert (batch.total, batch.name, batch.counts["refused"]) == (4, "Spring", 1)
        finished = client.batches.wait(batch, timeout=240, on_progress=states.append)
        assert states[-1] == finished
        assert (finished.status, finished.counts["completed"]) == ("completed", 3)
        path = client.batches.download_results(finished, tmp_path / "results.zip")
        (refused,) = client.batches.items(batch, status="refused")
        assert (refused.index, refused.video_id) == (3, None)
        assert refused.error_message is not None
        assert "fps" in refused.error_message
        assert [listed.id for listed in client.batches.list()] == [batch.id]
    names = ZipFile(path).namelist()
    assert names == ["000-take-0.mp4", "001-take-1.mp4", "002-take-2.mp4", "manifest.jsonl"]


@pytest.mark.usefixtures("maintenance_worker")
def test_many_images_with_the_asynchronous_client(live: LiveProcess, key: str, tmp_path: Path) -> None:
    for number in range(22):
        (tmp_path / f"{number}.jpg").write_bytes(CAT.read_bytes() + bytes([number]))
    lines = tmp_path / "jobs.jsonl"
    rows = [{**batch_requests(1)[0], "image": f"{number}.jpg", "custom_id": str(number)} for number in range(22)]
    lines.write_text("\n\n".join(map(json.dumps, rows)))

    async def send() -> tuple[ClientBatch, ClientBatch, list[BatchItem], ClientBatch]:
        async with AsyncMutoscope(live.url, key) as client:
            batch = await client.batches.create(lines, idempotency_key="spring")
            repeated = await client.batches.create(lines, idempotency_key="spring")
            items = [item async for item in client.batches.items(batch)]
            canceled = await client.batches.wait(await client.batches.cancel(batch), timeout=60)
            return batch, repeated, items, canceled

    batch, repeated, items, canceled = asyncio.run(send())
    assert batch.id == repeated.id
    assert [item.index for item in items] == list(range(22))
    assert (canceled.status, canceled.counts["canceled"]) == ("canceled", 22)
    assert Job.objects.count() == 22


def test_malformed_requests_are_reported(tmp_path: Path) -> None:
    lines = tmp_path / "jobs.jsonl"
    with Mutoscope("http://127.0.0.1:1", "mts_x_y") as client:
        for text, error, message in (
            ('{"prompt": "x"}\n{"prompt"', BatchError, "line 2"),
            ("[]", BatchError, "line 1"),
            ('{"image": "nowhere.jpg"}', FileError, "nowhere.jpg"),
            ('{"image": 7}', BatchError, "image"),
        ):
            lines.write_text(text)
            with pytest.raises(error, match=message):
                client.batches.create(lines)
        with pytest.raises(FileError):
            client.batches.create(tmp_path / "nothing.jsonl")


@pytest.mark.parametrize(
    "names", [("pending",), ("not_taken",), ("pending", "not_taken")], ids=["new", "former", "both"]
)
def test_pending_requests_are_read_under_both_names(names: tuple[str, ...]) -> None:
    """The API renames `not_taken` to `pending` and keeps the former name for one release."""
    body = {
        "id": "batch_1",
        "status": "in_progress",
        "name": "",
        "progress": 0,
        "created_at": 0,
        "usage": {"credits_reserved": 0, "credits_charged": 0},
        "counts": {"total": 5, "queued": 2, **dict.fromkeys(names, 3)},
    }
    batch = ClientBatch.from_json(body)
    assert batch.counts["pending"] == 3
    assert describe_counts(batch) == "5 videos: 2 queued, 3 pending"


def test_all_or_nothing_creates_no_video_if_a_request_is_invalid(live: LiveProcess, key: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path, MUTOSCOPE_BASE_URL=live.url, MUTOSCOPE_API_KEY=key)
    (tmp_path / "photo.jpg").write_bytes(CAT.read_bytes())
    valid, invalid = batch_requests(2, "photo.jpg")
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, [valid, {**invalid, "fps": 99}])))
    refused = shell.run("batch", "jobs.jsonl", "--all-or-nothing", "--detach", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "batch_refused")
    assert Job.objects.count() == 0
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, [valid, invalid])))
    accepted = shell.run("batch", "jobs.jsonl", "--all-or-nothing", "--detach")
    assert (accepted.returncode, accepted.stdout) == (0, f"{Batch.objects.get().public_id}\n")
    assert (Batch.objects.get().on_error, Job.objects.count()) == (Batch.OnError.FAIL_FAST, 2)


@pytest.mark.usefixtures("maintenance_worker")
def test_command_resumes_an_interrupted_batch(
    live: LiveProcess, key: str, start_worker: Callable[..., object], tmp_path: Path
) -> None:
    shell = Shell(tmp_path, MUTOSCOPE_BASE_URL=live.url, MUTOSCOPE_API_KEY=key)
    (tmp_path / "photo.jpg").write_bytes(CAT.read_bytes())
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, batch_requests(2, "photo.jpg"))))
    detached = shell.run("batch", "jobs.jsonl", "--detach")
    assert (detached.returncode, detached.stdout) == (0, f"{Batch.objects.get().public_id}\n")
    # As after a kill before the response arrived: the file has the idempotency key, but not the id.
    resume_file = tmp_path / "jobs.jsonl.mutoscope"
    resume_file.write_text(json.dumps({**json.loads(resume_file.read_text()), "batch_id": None}))
    start_worker()
    resumed = shell.run("batch", "jobs.jsonl", "-o", "made", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "000-take-0.mp4",
        "001-take-1.mp4",
        "manifest.jsonl",
    ]
    assert json.loads(resumed.stdout)["files"] == ["made/000-take-0.mp4", "made/001-take-1.mp4"]
    assert Batch.objects.count() == 1
    (tmp_path / "jobs.jsonl").write_text(json.dumps({"image": "photo.jpg", "prompt": "x", "fps": 99}))
    refused = shell.run("batch", "jobs.jsonl", "-o", "made")
    assert refused.returncode == 1
    assert "Request 1 refused. fps" in refused.stderr
    (tmp_path / "jobs.jsonl").write_text("{")
    assert shell.run("batch", "jobs.jsonl").returncode == 2
    assert Batch.objects.count() == 2
