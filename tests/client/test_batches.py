"""Batches through the client and the command, against a running portal."""

import asyncio
import json
import subprocess
import sys
from zipfile import ZipFile

import pytest
from django.conf import settings

from jobs.batches.models import Batch
from jobs.models import Job
from mutoscope import AsyncMutoscope, BatchError, FileError, Mutoscope
from tests.client.shell import Shell
from tests.client.test_client import CAT, SMALL
from tests.support.web_processes import site_environment

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def live(live_process):
    return live_process()


@pytest.fixture(autouse=True)
def side_worker(live):
    """It is what notices that the last video of a batch is done."""
    command = [sys.executable, "manage.py", "maintenance_worker"]
    process = subprocess.Popen(command, cwd=settings.ROOT, env=site_environment({}))
    yield
    process.terminate()
    process.wait(60)


def batch_requests(count, image=CAT):
    return [{"image": image, "prompt": f"take {n}", "custom_id": f"take-{n}", **SMALL} for n in range(count)]


def test_one_picture_many_prompts(live, key, start_worker, tmp_path):
    start_worker()
    seen = []
    with Mutoscope(live.url, key) as client:
        batch = client.batches.create([*batch_requests(3), {"image": CAT, "prompt": "x", "fps": 99}], name="Spring")
        assert (batch.total, batch.name, batch.counts["refused"]) == (4, "Spring", 1)
        done = client.batches.wait(batch, timeout=240, on_progress=seen.append)
        assert seen[-1] == done
        assert (done.status, done.counts["completed"]) == ("completed", 3)
        path = client.batches.download_results(done, tmp_path / "results.zip")
        (refused,) = client.batches.items(batch, status="refused")
        assert (refused.index, refused.video_id) == (3, None)
        assert "fps" in refused.error_message
        assert [found.id for found in client.batches.list()] == [batch.id]
    names = ZipFile(path).namelist()
    assert names == ["000-take-0.mp4", "001-take-1.mp4", "002-take-2.mp4", "manifest.jsonl"]


def test_many_pictures_and_coroutines(live, key, tmp_path):
    for number in range(22):
        (tmp_path / f"{number}.jpg").write_bytes(CAT.read_bytes() + bytes([number]))
    lines = tmp_path / "jobs.jsonl"
    rows = [{**batch_requests(1)[0], "image": f"{number}.jpg", "custom_id": str(number)} for number in range(22)]
    lines.write_text("\n\n".join(map(json.dumps, rows)))

    async def send():
        async with AsyncMutoscope(live.url, key) as client:
            batch = await client.batches.create(lines, idempotency_key="spring")
            again = await client.batches.create(lines, idempotency_key="spring")
            items = [item async for item in client.batches.items(batch)]
            canceled = await client.batches.wait(await client.batches.cancel(batch), timeout=60)
            return batch, again, items, canceled

    batch, again, items, canceled = asyncio.run(send())
    assert batch.id == again.id
    assert [item.index for item in items] == list(range(22))
    assert (canceled.status, canceled.counts["canceled"]) == ("canceled", 22)
    assert Job.objects.count() == 22


def test_requests_that_cannot_be_read_are_named(tmp_path):
    lines = tmp_path / "jobs.jsonl"
    with Mutoscope("http://127.0.0.1:1", "mts_x_y") as client:
        for text, error, said in (
            ('{"prompt": "x"}\n{"prompt"', BatchError, "line 2"),
            ("[]", BatchError, "line 1"),
            ('{"image": "nowhere.jpg"}', FileError, "nowhere.jpg"),
            ('{"image": 7}', BatchError, "image"),
        ):
            lines.write_text(text)
            with pytest.raises(error, match=said):
                client.batches.create(lines)
        with pytest.raises(FileError):
            client.batches.create(tmp_path / "nothing.jsonl")


def test_the_command_goes_on_where_it_stopped(live, key, start_worker, tmp_path):
    shell = Shell(tmp_path, MUTOSCOPE_BASE_URL=live.url, MUTOSCOPE_API_KEY=key)
    (tmp_path / "photo.jpg").write_bytes(CAT.read_bytes())
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, batch_requests(2, "photo.jpg"))))
    asked = shell.run("batch", "jobs.jsonl", "--detach")
    assert (asked.returncode, asked.stdout) == (0, f"{Batch.objects.get().public_id}\n")
    # As if it had been killed before the answer came: the key alone is known.
    journal = tmp_path / "jobs.jsonl.mutoscope"
    journal.write_text(json.dumps({**json.loads(journal.read_text()), "batch_id": None}))
    start_worker()
    done = shell.run("batch", "jobs.jsonl", "-o", "made", "--json")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "000-take-0.mp4",
        "001-take-1.mp4",
        "manifest.jsonl",
    ]
    assert json.loads(done.stdout)["files"] == ["made/000-take-0.mp4", "made/001-take-1.mp4"]
    assert Batch.objects.count() == 1
    (tmp_path / "jobs.jsonl").write_text(json.dumps({"image": "photo.jpg", "prompt": "x", "fps": 99}))
    refused = shell.run("batch", "jobs.jsonl", "-o", "made")
    assert refused.returncode == 1
    assert "Request 1 refused. fps" in refused.stderr
    (tmp_path / "jobs.jsonl").write_text("{")
    assert shell.run("batch", "jobs.jsonl").returncode == 2
    assert Batch.objects.count() == 2
