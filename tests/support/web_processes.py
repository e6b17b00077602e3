"""Real web processes with this test's database: gunicorn's sync workers, and the ASGI process.

As in production, except that the workers are forked from a process that has imported the site, to start quickly.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.environment import web_environment
from tests.support.ports import own_port
from tests.support.secrets_in_logs import check_logs
from tests.support.workers import wait_until


class WebProcesses:
    """gunicorn with a number of workers, on a Unix socket."""

    def __init__(self, folder: Path, environment: dict[str, str], count: int = 4) -> None:
        self.socket, self.log = folder / "web", folder / "web.log"
        # The workers are forks of a process that has imported the site: an import takes more than a second of a core.
        options = f"--preload --workers {count} --worker-class sync --timeout 120 --no-control-socket"
        with self.log.open("wb") as output:
            self.process = psutil.Popen(
                [
                    *[sys.executable, "-m", "gunicorn", "portal.wsgi:application"],
                    *options.split(),
                    *["--bind", f"unix:{self.socket}"],
                ],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=output,
            )
        wait_until(lambda: self.log.read_text().count("Booting worker") == count, 180, self.log.read_text)
        wait_until(self._responds, 180, self.log.read_text)

    def client(self, headers: dict[str, str]) -> httpx.Client:
        transport = httpx.HTTPTransport(uds=str(self.socket))
        return httpx.Client(transport=transport, base_url="http://localhost", headers=headers, timeout=120)

    def _responds(self) -> bool:
        try:
            with self.client({}) as client:
                return client.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        children = self.process.children(recursive=True)
        self.process.terminate()
        _, alive = psutil.wait_procs([self.process, *children], timeout=20)
        for process in alive:
            process.kill()

    def kill(self) -> None:
        _kill(self.process)


class LiveProcess:
    """uvicorn, as the compose file starts it, on its own port. url: its base URL."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.log = folder / "live.log"
        self.port = own_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = "uvicorn portal.asgi:application --http portal.web.http_protocol:BoundedHttpProtocol"
        command += " --log-level warning --no-proxy-headers"
        with self.log.open("wb") as output:
            self.process = psutil.Popen(
                [sys.executable, "-m", *command.split(), "--timeout-graceful-shutdown", "1", "--port", str(self.port)],
                cwd=folder,
                env={"DATABASE_POOL_SIZE": "5", **environment},
                stdout=output,
                stderr=output,
            )
        wait_until(self._responds, 180, self.log.read_text)

    def _responds(self) -> bool:
        try:
            return httpx.get(f"{self.url}/livez", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        _kill(self.process)


def _kill(parent: psutil.Popen) -> None:
    """End a process and its children at once: one that stops by itself frees its memory first, for half a second."""
    if parent.poll() is not None:
        return
    processes = [parent, *parent.children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it ended with its parent
            process.kill()
    psutil.wait_procs(processes, timeout=20)


def _starting(kind: Callable[..., Any], folder: Path) -> Iterator[Callable[..., Any]]:
    """Yield a function that starts processes, and kill them afterwards."""
    started: list[Any] = []

    def start(*arguments: int, **variables: Any) -> Any:
        own = folder / f"{kind.__name__}-{len(started)}"
        own.mkdir()
        started.append(kind(own, web_environment(variables), *arguments))
        return started[-1]

    yield start
    for processes in started:
        processes.kill()


@pytest.fixture
def web_processes(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., WebProcesses]]:
    """Start a number of web processes, by default 4; keywords are environment variables."""
    yield from _starting(WebProcesses, tmp_path)


@pytest.fixture
def live_process(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., LiveProcess]]:
    """Start ASGI processes; keywords are environment variables."""
    yield from _starting(LiveProcess, tmp_path)


@pytest.fixture(scope="module")
def module_web_processes(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., WebProcesses]]:
    """The same for the tests of a module, which use `transactional_db` and override `own_media`."""
    folder = tmp_path_factory.mktemp("module")
    yield from _starting(WebProcesses, folder)
    check_logs(folder)


@pytest.fixture(scope="module")
def module_live_process(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., LiveProcess]]:
    """The same for the tests of a module, which use `transactional_db` and override `own_media`."""
    folder = tmp_path_factory.mktemp("module")
    yield from _starting(LiveProcess, folder)
    check_logs(folder)
