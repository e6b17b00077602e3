"""`manage.py up`, as a real process tree."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.ports import own_port

ROOT = Path(__file__).parents[4]
MANAGE = [sys.executable, str(ROOT / "manage.py")]


# Anything may take so long: a wait ends with what it waits for, and a busy machine is no fault of the portal.
PATIENCE_SECONDS = 180
# But what ends has ten seconds for all, which is what it promises: see the supervisor.
ENDS_WITHIN_SECONDS = 10


def wait_for(happened: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    give_up_at = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up_at, f"did not happen within {seconds} seconds"
        time.sleep(0.05)


class Portal:
    """A portal in a folder of its own, on a free port."""

    def __init__(self, folder: Path) -> None:
        self.port = own_port()
        # None of this test run's own settings may reach it.
        hidden = {
            "DATABASE_URL",
            "REDIS_URL",
            "SECRET_KEY",
            "EMBEDDED",
            "DEBUG",
            "PORT",
            "MODEL",
            "DJANGO_SETTINGS_MODULE",
        }
        self.env = {name: value for name, value in os.environ.items() if name not in hidden}
        self.env |= {"VAR_DIR": str(folder), "MODELS_ENABLED": "camera"}
        self.log = folder / "test.log"
        self.process: psutil.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = psutil.Popen([*MANAGE, "up", f"--port={self.port}"], env=self.env, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or self.answers())  # type: ignore[union-attr]
        assert self.process.poll() is None, self.log.read_text()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=PATIENCE_SECONDS) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MANAGE, *arguments], env={**self.env, **env}, capture_output=True, text=True, timeout=180, check=False
        )

    def tree(self) -> list[psutil.Process]:
        if self.process is None or self.process.poll() is not None:
            return []
        return [self.process, *self.process.children(recursive=True)]

    def web(self) -> psutil.Process:
        (web,) = [process for process in self.tree() if "uvicorn" in words_of(process)]
        return web

    def clear(self) -> None:
        everything = self.tree()
        for process in everything:
            with suppress(psutil.NoSuchProcess):  # it ended with its parent
                process.kill()
        psutil.wait_procs(everything, timeout=PATIENCE_SECONDS)


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; none where it has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie is one of these, too
        return []


@pytest.fixture(scope="module")
def new_portal() -> Iterator[Callable[[], Portal]]:
    portals: list[Portal] = []
    folders: list[Path] = []

    def make() -> Portal:
        folders.append(Path(tempfile.mkdtemp(prefix="mts-up-")))
        portals.append(Portal(folders[-1]))
        return portals[-1]

    yield make
    for portal in portals:
        portal.clear()
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def portal(new_portal: Callable[[], Portal]) -> Portal:
    """One that runs, for the tests that leave it running."""
    portal = new_portal()
    portal.start()
    return portal


def test_it_says_where_it_is_when_it_is_ready(portal: Portal) -> None:
    wait_for(lambda: f"ready: http://localhost:{portal.port}" in portal.log.read_text(), seconds=20)


def test_a_second_one_in_the_same_folder_is_refused(portal: Portal) -> None:
    second = portal.run("up", f"--port={own_port()}")

    assert second.returncode == 1
    assert f"running in {portal.env['VAR_DIR']} already" in second.stderr
    assert "Traceback" not in second.stderr
    assert portal.answers()


def test_a_port_in_use_is_refused_before_anything_starts(portal: Portal) -> None:
    with tempfile.TemporaryDirectory(prefix="mts-up-") as other:
        refused = portal.run("up", f"--port={portal.port}", VAR_DIR=other)

        assert refused.returncode == 1
        assert f"Port {portal.port} is in use" in refused.stderr
        assert "--port" in refused.stderr
        assert "PORT" in refused.stderr
        assert not (Path(other) / "postgres").exists()


def test_a_crashed_child_is_started_again(portal: Portal) -> None:
    killed = portal.web()
    killed.kill()

    wait_for(lambda: portal.answers() and portal.web() != killed, seconds=40)


def test_other_commands_find_the_running_portal(portal: Portal) -> None:
    made = portal.run("create_key", "--email=alice@example.com")

    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("mts_")
    assert made.stdout.count("\n") == 1


def test_its_secrets_are_for_the_owner_alone(portal: Portal) -> None:
    assert (Path(portal.env["VAR_DIR"]) / "embedded.env").stat().st_mode & 0o077 == 0


def test_after_a_kill_of_everything_it_starts_again_and_ctrl_c_ends_it_all(new_portal: Callable[[], Portal]) -> None:
    portal = new_portal()
    portal.start()
    secret = (Path(portal.env["VAR_DIR"]) / "embedded.env").read_text()
    killed = portal.tree()
    assert len(killed) > 5
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=PATIENCE_SECONDS)

    portal.start()
    assert (Path(portal.env["VAR_DIR"]) / "embedded.env").read_text() == secret
    everything = portal.tree()
    assert portal.process
    portal.process.send_signal(signal.SIGINT)

    _gone, left = psutil.wait_procs(everything, timeout=ENDS_WITHIN_SECONDS)
    assert left == []
    assert portal.process.wait() == 0


def test_children_end_with_a_killed_supervisor(new_portal: Callable[[], Portal]) -> None:
    portal = new_portal()
    portal.start()
    everything = portal.tree()
    assert portal.process
    portal.process.kill()

    _gone, left = psutil.wait_procs(everything, timeout=ENDS_WITHIN_SECONDS)
    assert left == []


def test_commands_without_servers_say_what_to_start() -> None:
    with tempfile.TemporaryDirectory(prefix="mts-up-") as folder:
        nothing = Portal(Path(folder)).run("create_key", "--email=alice@example.com")

    assert nothing.returncode == 1
    assert "manage.py up" in nothing.stderr
    assert "Traceback" not in nothing.stderr


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"MODEL": "camra", "MODELS_ENABLED": ""}, "MODEL is 'camra', which is not a model. Known models: "),
        ({"MODEL": "i2vgen-xl"}, "MODEL is 'i2vgen-xl', which is not in MODELS_ENABLED (camera)."),
        ({"MODELS_ENABLED": "camera,dolly"}, "MODELS_ENABLED contains 'dolly', which is not a model. Known models: "),
        ({"DEFAULT_MODEL": "i2vgen-xl"}, "DEFAULT_MODEL is 'i2vgen-xl', which is not in MODELS_ENABLED (camera)."),
        ({"VAR_DIR": "/proc/x"}, "/proc/x cannot be written"),
    ],
)
@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_wrong_setting_is_refused_before_anything_starts(command: str, env: dict[str, str], sentence: str) -> None:
    with tempfile.TemporaryDirectory(prefix="mts-up-") as folder:
        refused = Portal(Path(folder)).run(command, f"--port={own_port()}", **env)
        assert list(Path(folder).iterdir()) == []

    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""
