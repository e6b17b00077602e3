"""Run the programs of the guides, as a portal shows them, against that portal. For SDKs: tests/jobs/compat.

A test supplies only what a reader supplies: an API key in the documented variable, a photo, a port for a receiver, a
broker.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.portal.docs.printed import INTERPRETERS, programs, run
from tests.support.portal_process import ROOT, Portal, wait_for
from tests.support.ports import own_port

KEY = "MUTOSCOPE_API_KEY"


@dataclass
class Reader:
    """A reader with an API key, a photo and an empty folder."""

    portal: Portal
    folder: Path
    env: dict[str, str]
    http: httpx.Client

    def copy(self, page: str) -> list[str]:
        """Save the programs of a page under their names, as shown, and return the names."""
        shown = programs(self.http.get(f"/docs/{page}").text)
        for name, code in shown.items():
            (self.folder / name).write_text(code)
        return list(shown)

    def run(self, name: str) -> str:
        return run(name, folder=self.folder, env=self.env)

    @contextmanager
    def running(self, command: list[str], **env: str) -> Iterator[Path]:
        """Run a program until the test has finished; yield the file with its output."""
        log = self.folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**self.env, **env}, stdout=output, stderr=output, start_new_session=True
            )
        try:
            yield log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    folder = Path(tempfile.mkdtemp(prefix="mts-docs-"))
    portal = Portal(folder)
    portal.copy_database()
    portal.env |= {"WEBHOOKS_ALLOW_PRIVATE_IPS": "1"}
    portal.start()
    yield portal
    portal.kill_all()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def key(portal: Portal) -> str:
    return portal.run("create_key", "--email=reader@example.com").stdout.strip()


@pytest.fixture
def reader(portal: Portal, key: str, tmp_path: Path) -> Iterator[Reader]:
    shutil.copy(ROOT / "samples" / "cat.jpg", tmp_path / "photo.jpg")
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"http://localhost:{portal.port}", headers=headers, timeout=60) as http:
        yield Reader(portal, tmp_path, env | {KEY: key}, http)


@pytest.mark.parametrize("name", ["quickstart.sh", "quickstart.py", "quickstart.mjs"])
def test_the_quickstart(name: str, reader: Reader) -> None:
    assert name in reader.copy("quickstart")
    output = reader.run(name)
    assert output.startswith("vid_")
    assert "completed" in output
    assert (reader.folder / "video.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("name", ["migrate_before.py", "migrate_after.py"])
def test_before_and_after_the_migration(name: str, reader: Reader) -> None:
    assert name in reader.copy("migrate")
    reader.run(name)
    assert (reader.folder / "video.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_batch_is_saved_as_a_zip(reader: Reader) -> None:
    assert "batch.py" in reader.copy("queues")
    assert "completed" in reader.run("batch.py")
    with ZipFile(reader.folder / "batch.zip") as archive:
        videos = [name for name in archive.namelist() if name.endswith(".mp4")]
    assert len(videos) == 3


def test_the_guide_of_the_client(reader: Reader) -> None:
    """Run all of its Python as one program, with its lines of JSON as the file of the batch."""
    blocks = re.findall(r"```(python|json)\n(.*?)```", (ROOT / "platform/mutoscope/README.md").read_text(), re.DOTALL)
    program, requests = ("".join(code for kind, code in blocks if kind == wanted) for wanted in ("python", "json"))
    for placeholder, value in (("http://localhost:8000", str(reader.http.base_url)), ("mts_…", reader.env[KEY])):
        assert placeholder in program
        program = program.replace(placeholder, value)
    (reader.folder / "jobs.jsonl").write_text(requests)
    (reader.folder / "guide.py").write_text(program)
    reader.env["PYTHONPATH"] = str(ROOT / "platform")
    assert "'completed': 2" in reader.run("guide.py")
    written = {path.name for path in reader.folder.iterdir()}
    assert {"out.mp4", "out.gif", "results.zip", "async.mp4"} <= written


def test_the_quickstart_shows_why_an_image_is_rejected(reader: Reader) -> None:
    reader.copy("quickstart")
    (reader.folder / "photo.jpg").write_text("not an image")
    done = subprocess.run(["bash", "quickstart.sh"], cwd=reader.folder, env=reader.env, capture_output=True, check=True)
    assert b"picture_unsupported" in done.stdout
    assert not (reader.folder / "video.mp4").exists()


def test_a_webhook_is_created_and_its_secret_rotated(reader: Reader) -> None:
    reader.copy("webhooks")
    created = json.loads(reader.run("webhook_create.sh"))
    rotated = json.loads(reader.run("webhook_rotate.sh"))
    assert rotated["id"] == created["id"]
    assert rotated["secret"] != created["secret"]
    assert rotated["former_secret_until"]
    reader.http.delete(f"/v1/webhooks/{created['id']}")


@pytest.mark.parametrize("name", ["webhook_receiver.py", "webhook_receiver.mjs"])
def test_a_receiver_accepts_signed_deliveries_only(name: str, reader: Reader) -> None:
    reader.copy("webhooks")
    port = own_port()
    url = f"http://127.0.0.1:{port}/"
    created = reader.http.post("/v1/webhooks", json={"url": url}).json()
    env = {"PORT": str(port), "MUTOSCOPE_WEBHOOK_SECRET": created["secret"]}
    with reader.running([*INTERPRETERS[Path(name).suffix], name], **env) as log:
        wait_for(lambda: _listens(url))
        forged = {"webhook-id": "x", "webhook-timestamp": "1764000000", "webhook-signature": "v1,AAAA"}
        assert httpx.post(url, headers=forged, content="{}", timeout=60).status_code == 400
        reader.http.post(f"/v1/webhooks/{created['id']}/rotate", json={"overlap_hours": 1})
        reader.http.post(f"/v1/webhooks/{created['id']}/ping")
        wait_for(lambda: "ping" in log.read_text())
        reader.copy("quickstart")
        video = reader.run("quickstart.py").split()[0]
        wait_for(lambda: f"video.completed {video}" in log.read_text())
    reader.http.delete(f"/v1/webhooks/{created['id']}")


@pytest.mark.parametrize(
    ("tasks", "send", "worker"),
    [
        ("celery_tasks.py", "celery_send.py", "-m celery --app celery_tasks worker --pool solo"),
        ("rq_tasks.py", "rq_send.py", "-m rq.cli worker --url {broker} --with-scheduler videos"),
    ],
)
def test_a_queue_makes_every_item_once(
    tasks: str, send: str, worker: str, reader: Reader, broker: Callable[[str], str]
) -> None:
    assert {tasks, send} <= set(reader.copy("queues"))
    reader.env |= {"BROKER_URL": broker(tasks), "PYTHONPATH": str(reader.folder)}
    before = reader.http.get("/v1/usage", params={"group_by": "model"}).json()["total"]["videos"]
    command = [sys.executable, *worker.format(broker=reader.env["BROKER_URL"]).split()]
    with reader.running(command) as log:
        reader.run(send)
        reader.run(send)  # by mistake: the same items again
        videos = [reader.folder / f"item-{number}.mp4" for number in range(3)]
        try:
            wait_for(lambda: all(video.exists() for video in videos), seconds=150)
        except AssertionError:
            raise AssertionError(log.read_text()) from None
    assert all(video.read_bytes()[4:8] == b"ftyp" for video in videos)
    after = reader.http.get("/v1/usage", params={"group_by": "model"}).json()["total"]["videos"]
    assert after - before == 3


@pytest.fixture
def broker() -> Callable[[str], str]:
    """Return the URL of this test run's Valkey in the form that each library expects."""
    from django.conf import settings

    def broker_url(tasks: str) -> str:
        if tasks.startswith("celery"):
            # kombu's scheme for a Unix socket; it names the database parameter differently.
            return str(settings.REDIS_URL).replace("unix://", "redis+socket://").replace("db=", "virtual_host=")
        return str(settings.REDIS_URL)

    return broker_url


def _listens(url: str) -> bool:
    try:
        httpx.get(url, timeout=60)
    except httpx.TransportError:
        return False
    return True
