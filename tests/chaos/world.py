"""The portal under test: servers, processes, and teams with API keys, all in one temporary folder."""

import os
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from portal.embedded.servers import DATABASE, EmbeddedServers, Postgres, Valkey, server_urls
from tests.chaos.processes import ROOT, Process
from tests.chaos.proxy import DatabaseProxy, ProxyServer
from tests.support.ports import own_port

LEASE_TIMEOUT_SECONDS = 4.0
DRAIN_TIMEOUT_SECONDS = 2.0
CREDITS = 1_000_000
MAX_SCENARIO_RUNS = 20
PROCESS_MARKER = "MUTOSCOPE_CHAOS"
PYTHON = sys.executable
LAUNCH = [PYTHON, "-m", "tests.chaos.launch"]


@dataclass(frozen=True)
class Team:
    id: int
    key: str


def _postgres_and_valkey(servers: EmbeddedServers) -> tuple[Postgres, Valkey]:
    postgres, valkey = servers.servers
    assert isinstance(postgres, Postgres)
    assert isinstance(valkey, Valkey)
    return postgres, valkey


class World:
    """A context manager that runs the servers. `start` starts the processes.

    models: how many models the workers have. Those beside `scripted` differ in their names only.
    """

    def __init__(self, *, models: int = 1) -> None:
        self.models = ["scripted", *(f"scripted-{number}" for number in range(2, models + 1))]
        # A short name, since it becomes part of the path of Unix sockets.
        self.folder = Path(tempfile.mkdtemp(prefix="mtc-"))
        self.run_id = secrets.token_hex(8)
        self.servers = EmbeddedServers(self.folder / "s", durable=True)
        self.postgres, self.valkey = _postgres_and_valkey(self.servers)
        self.media, self.scratch = self.folder / "media", self.folder / "scratch"
        self.port = own_port()
        self.site = f"http://127.0.0.1:{self.port}"
        self.proxy_server = ProxyServer(self.postgres.sockets)
        self.proxies: dict[str, DatabaseProxy] = {}
        self.processes: dict[str, Process] = {}
        self.teams: list[Team] = []
        self.lost_servers: set[str] = set()
        self.keep = False

    @property
    def workers(self) -> list[Process]:
        return [process for name, process in self.processes.items() if name.startswith("gpu")]

    def __enter__(self) -> Self:
        (self.folder / "s").mkdir()
        self.folder.chmod(0o711)  # PostgreSQL runs as a user of its own when we are root
        for folder in (self.media, self.folder / "static", self.folder / "log"):
            folder.mkdir()
        (self.folder / "models.toml").write_text(
            "".join(f'[models.{name}]\nextends = "scripted"\ntitle = "{name}"\n' for name in self.models[1:])
        )
        self.servers.start()
        os.environ.update(self.environment())
        os.environ.pop("DATABASE_POOL_SIZE", None)
        os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
        import django
        from django.core.management import call_command
        from django.db import connection

        django.setup()
        # On a busy machine two migrations may be further apart than the timeout for idle transactions.
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = 0")
        call_command("migrate", interactive=False, verbosity=0)
        connection.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes.values():
            process.kill()
        self.proxy_server.stop()
        self.servers.stop()
        if kind is None and not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        return {
            **server_urls(self.folder / "s"),
            "SECRET_KEY": "only-for-tests",
            "VAR_DIR": str(self.folder),
            "MEDIA_ROOT": str(self.media),
            "SCRATCH_DIR": str(self.scratch),
            "STATIC_ROOT": str(self.folder / "static"),
            "ALLOWED_HOSTS": "127.0.0.1",
            "MODELS_ENABLED": "scripted",
            "MODELS_FILE": str(self.folder / "models.toml"),
            # Beside those of the models, one for each run of a scenario.
            "WORKER_POOLS": ",".join(["gpu", "cpu", *(f"scenario{number}" for number in range(MAX_SCENARIO_RUNS))]),
            "EMBEDDED": "0",
            "DEBUG": "0",
            "LOG_JSON": "1",
            "STARTING_CREDITS": str(CREDITS),
            "LEASE_TIMEOUT_SECONDS": str(LEASE_TIMEOUT_SECONDS),
            "HEARTBEAT_INTERVAL_SECONDS": "0.5",
            "DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS": "1",
            "RECONCILE_INTERVAL_SECONDS": "0.5",
            "LEDGER_CHECK_INTERVAL_SECONDS": "10",
            "MAINTENANCE_INTERVAL_SECONDS": "10",
            "DRAIN_TIMEOUT_SECONDS": str(DRAIN_TIMEOUT_SECONDS),
            "ENGINE_PROGRESS_TIMEOUT_SECONDS": "6",
            "ATTEMPT_TIMEOUT_SECONDS": "60",
            "STORAGE_RETRY_TIMEOUT_SECONDS": "6",
            "ORPHAN_MIN_AGE_SECONDS": "60",
            "ORPHAN_SWEEP_INTERVAL_SECONDS": "60",
            "SCRATCH_MIN_FREE_BYTES": "1000000",
            # Injected faults must not use up a job's attempts: a job that fails nevertheless is a finding.
            "MAX_ATTEMPTS": "1000",
            "WEBHOOKS_ALLOW_PRIVATE_IPS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
            "PYTHONUNBUFFERED": "1",
        }

    def add(self, name: str, argv: list[str], **env: str) -> Process:
        """Add a process with its own proxy to the database. It is not started yet."""
        proxy = self.proxies[name] = self.proxy_server.open(self.folder / "p" / name)
        own = {**self.environment(), "DATABASE_URL": proxy.url(DATABASE), PROCESS_MARKER: self.run_id, **env}
        own["DJANGO_SETTINGS_MODULE"] = "portal.settings"
        process = Process(name, argv, env=own, log=self.folder / "log" / f"{name}.log")
        self.processes[name] = process
        return process

    def add_web(self) -> Process:
        uvicorn = "-m uvicorn portal.asgi:application --http portal.web.http_protocol:BoundedHttpProtocol"
        uvicorn += " --log-level warning"
        address = f"--timeout-graceful-shutdown 3 --host 127.0.0.1 --port {self.port}"
        return self.add("web", [PYTHON, *uvicorn.split(), *address.split()], DATABASE_POOL_SIZE="8")

    def add_worker(self, name: str, *, pool: str = "cpu", **env: str) -> Process:
        arguments = ["gpuworker", "--models", ",".join(self.models), "--device", "cpu", "--pool", pool]
        return self.add(name, [*LAUNCH, *arguments], **env)

    def add_reconciler(self, name: str, **env: str) -> Process:
        return self.add(name, [*LAUNCH, "reconciler"], **env)

    def add_maintenance_workers(self) -> None:
        for number, queues in enumerate((["webhooks", "mail"], ["files", "exports"])):
            self.add(f"maintenance{number}", [*LAUNCH, "maintenance_worker", *queues])

    def add_everything(self, *, workers: int) -> None:
        """Add all processes of the portal; the wall clocks of some are ten minutes slow or fast."""
        skews = ("0", "600", "-600")
        self.add_web()
        self.add_maintenance_workers()
        for number in range(2):
            self.add_reconciler(f"rec{number}", CHAOS_SKEW_SECONDS=skews[number])
        for number in range(workers):
            self.add_worker(f"gpu{number}", CHAOS_SKEW_SECONDS=skews[number % 3])

    def add_teams(self, count: int) -> None:
        from accounts.keys.services import create_api_key
        from accounts.models import User
        from accounts.teams.services import ensure_personal_team

        for number in range(count):
            user = User.objects.create_user(f"team{number}@example.com")
            team = ensure_personal_team(user=user)
            self.teams.append(Team(team.pk, create_api_key(team=team, creator=user, name="chaos")[1]))

    def start(self) -> None:
        for process in self.processes.values():
            process.start()

    def wait_for_web(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.site}/readyz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise TimeoutError("web does not respond: " + self.processes["web"].log.read_text()[-3000:])

    def marked_processes(self) -> list[psutil.Process]:
        """Return every living process that this world started, directly or indirectly."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(PROCESS_MARKER) == self.run_id and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found
