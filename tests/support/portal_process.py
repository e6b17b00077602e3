"""A portal as `manage.py up` starts it: a process tree in its own folder."""

import os
import shutil
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

from tests.support.database import copy_cluster
from tests.support.ports import own_port
from tests.support.secrets_in_logs import check_logs

ROOT = Path(__file__).parents[2]
MANAGE = [sys.executable, str(ROOT / "manage.py")]


# A wait ends when its condition holds; the limit is high for busy machines.
WAIT_TIMEOUT_SECONDS = 180
# A shutdown has ten seconds in all: see the supervisor. On a busy machine processes take longer to end after a signal.
SHUTDOWN_TIMEOUT_SECONDS = 60


def wait_for(condition: Callable[[], bool], *, seconds: float = WAIT_TIMEOUT_SECONDS) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"did not happen within {seconds} seconds"
        time.sleep(0.05)


class Portal:
    """A portal in a folder of its own, on a free port."""

    def __init__(self, folder: Path) -> None:
        self.port = own_port()
        # The settings of this test run must not reach the portal.
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

    def copy_database(self) -> None:
        """Give the portal a migrated database. It starts with an empty one by default, and migrates it itself."""
        copy_cluster(Path(self.env["VAR_DIR"]))

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = psutil.Popen([*MANAGE, "up", f"--port={self.port}"], env=self.env, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or self.responds())  # type: ignore[union-attr]
        assert self.process.poll() is None, self.log.read_text()

    def responds(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}/livez", timeout=WAIT_TIMEOUT_SECONDS
            ) as response:
                return bool(response.status == 200)
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
        (web,) = [process for process in self.tree() if "uvicorn" in arguments_of(process)]
        return web

    def kill_all(self) -> None:
        """Kill the process tree, and fail if its logs contain a secret."""
        processes = self.tree()
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # it ended with its parent
                process.kill()
        psutil.wait_procs(processes, timeout=WAIT_TIMEOUT_SECONDS)
        check_logs(Path(self.env["VAR_DIR"]))


def arguments_of(process: psutil.Process) -> list[str]:
    """Return the command line of a process, or an empty list if it has exited."""
    try:
        return list(process.cmdline())
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
        portal.kill_all()
    for folder in folders:
        shutil.rmtree(folder)
