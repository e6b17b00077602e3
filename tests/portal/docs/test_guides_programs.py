"""The programs of the guides, as a portal prints them, run against that portal. Those of SDKs: tests/jobs/compat.

What a reader supplies is all that a test supplies: a key in the variable that the text names, a photo, a receiver's
port, a broker.
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
from tests.portal.management.commands.test_up import ROOT, Portal, wait_for
from tests.support.ports import own_port

KEY = "MUTOSCOPE_API_KEY"


@dataclass
class Reader:
    """Somebody with a key, a photo and an empty folder."""

    portal: Portal
    folder: Path
    env: dict[str, str]
    http: httpx.Client

    def copy(self, page: str) -> list[str]:
        """Saves the programs of a page under their names, as they are shown."""
        shown = programs(self.http.get(f"/docs/{page}").text)
        for name, code in shown.items():
            (self.folder / name).write_text(code)
        return list(shown)

    def run(self, name: str) -> str:
        return run(name, folder=self.folder, env=self.env)

    @contextmanager
    def running(self, command: list[str], **env: str) -> Iterator[Path]:
        """A program that goes on until the test is done with it; gives the file with what it says."""
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
    portal.env |= {"WEBHOOKS_ALLOW_PRIVATE_IPS": "1"}
    portal.start()
    yield portal
    portal.clear()
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
    said = reader.run(name)
    assert said.startswith("vid_")
    assert "completed" in said
    assert (reader.folder / "video.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("name", ["migrate_before.py", "migrate_after.py"])
def test_before_and_after_the_move(name: str, reader: Reader) -> None:
    assert name in reader.copy("migrate")
    reader.run(name)
    assert (reader.folder / "video.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_batch_becomes_a_zip(reader: Reader) -> None:
    assert "batch.py" in reader.copy("queues")
    assert "completed" in reader.run("batch.py")
    with ZipFile(reader.folder / "batch.zip") as archive:
        films = [name for name in archive.namelist() if name.endswith(".mp4")]
    assert len(films) == 3


def test_the_guide_of_the_client(reader: Reader) -> None:
    """Its Python as one program from top to bottom, with its lines of JSON as the file of the batch."""
    blocks = re.findall(r"```(python|json)\n(.*?)```", (ROOT / "platform/mutoscope/README.md").read_text(), re.DOTALL)
    program, requests = ("".join(code for kind, code in blocks if kind == wanted) for wanted in ("python", "json"))
    for written, real in (("http://localhost:8000", str(reader.http.base_url)), ("mts_…", reader.env[KEY])):
        assert written in program
        program = program.replace(written, real)
    (reader.folder / "jobs.jsonl").write_text(requests)
    (reader.folder / "guide.py").write_text(program)
    reader.env["PYTHONPATH"] = str(ROOT / "platform")
    assert "'completed': 2" in reader.run("guide.py")
    made = {path.name for path in reader.folder.iterdir()}
    assert {"out.mp4", "out.gif", "results.zip", "async.mp4"} <= made


def test_the_quickstart_shows_why_a_picture_is_refused(reader: Reader) -> None:
    reader.copy("quickstart")
    (reader.folder / "photo.jpg").write_text("no picture")
    done = subprocess.run(["bash", "quickstart.sh"], cwd=reader.folder, env=reader.env, capture_output=True, check=True)
    assert b"picture_unsupported" in done.stdout
    assert not (reader.folder / "video.mp4").exists()


def test_a_webhook_is_made_and_its_secret_changed(reader: Reader) -> None:
    reader.copy("webhooks")
    made = json.loads(reader.run("webhook_create.sh"))
    changed = json.loads(reader.run("webhook_rotate.sh"))
    assert changed["id"] == made["id"]
    assert changed["secret"] != made["secret"]
    assert changed["former_secret_until"]
    reader.http.delete(f"/v1/webhooks/{made['id']}")


@pytest.mark.parametrize("name", ["webhook_receiver.py", "webhook_receiver.mjs"])
def test_a_receiver_takes_what_is_ours_and_nothing_else(name: str, reader: Reader) -> None:
    reader.copy("webhooks")
    port = own_port()
    address = f"http://127.0.0.1:{port}/"
    made = reader.http.post("/v1/webhooks", json={"url": address}).json()
    env = {"PORT": str(port), "MUTOSCOPE_WEBHOOK_SECRET": made["secret"]}
    with reader.running([*INTERPRETERS[Path(name).suffix], name], **env) as log:
        wait_for(lambda: _listens(address))
        forged = {"webhook-id": "x", "webhook-timestamp": "1764000000", "webhook-signature": "v1,AAAA"}
        assert httpx.post(address, headers=forged, content="{}", timeout=60).status_code == 400
        reader.http.post(f"/v1/webhooks/{made['id']}/rotate", json={"overlap_hours": 1})
        reader.http.post(f"/v1/webhooks/{made['id']}/ping")
        wait_for(lambda: "ping" in log.read_text())
        reader.copy("quickstart")
        video = reader.run("quickstart.py").split()[0]
        wait_for(lambda: f"video.completed {video}" in log.read_text())
    reader.http.delete(f"/v1/webhooks/{made['id']}")


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
        reader.run(send)  # by mistake: the items are the same
        films = [reader.folder / f"item-{number}.mp4" for number in range(3)]
        try:
            wait_for(lambda: all(film.exists() for film in films), seconds=150)
        except AssertionError:
            raise AssertionError(log.read_text()) from None
    assert all(film.read_bytes()[4:8] == b"ftyp" for film in films)
    after = reader.http.get("/v1/usage", params={"group_by": "model"}).json()["total"]["videos"]
    assert after - before == 3


@pytest.fixture
def broker() -> Callable[[str], str]:
    """This test run's own Valkey, as each library writes its address."""
    from django.conf import settings

    def address(tasks: str) -> str:
        if tasks.startswith("celery"):
            # kombu's name for a Unix socket; it numbers databases by another word.
            return settings.REDIS_URL.replace("unix://", "redis+socket://").replace("db=", "virtual_host=")
        return str(settings.REDIS_URL)

    return address


def _listens(address: str) -> bool:
    try:
        httpx.get(address, timeout=60)
    except httpx.TransportError:
        return False
    return True
