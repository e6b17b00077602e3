"""`manage.py up`: runs the whole portal on one machine."""

import errno
import fcntl
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from common.clock import DatabaseNow
from jobs.models import Job, Worker
from jobs.states import State
from jobs.videos.model_choices import needs_gpu
from portal.embedded import environment
from portal.embedded.console import Console
from portal.embedded.managed_process import ManagedProcess
from portal.embedded.servers import EmbeddedServerError, EmbeddedServers, server_urls
from portal.embedded.supervisor import Supervisor
from portal.settings.checks import model_setting_errors, origin_setting_errors

# Threads of the web process that may use the database at the same time.
WEB_POOL_SIZE = "10"
# Folders inside the data folder that only this user's processes open.
_PRIVATE_FOLDERS = ("log", "mail", "media", "scratch", "static", "valkey")


class EmbeddedPortal:
    """The embedded portal at one host and port. `demo` extends `on_ready` and `on_exit`."""

    def __init__(self, *, host: str, port: int, quiet: bool = False) -> None:
        self.host, self.port = host, port
        self.folder: Path = settings.VAR_DIR
        self._quiet = quiet

    def run(self) -> int:
        """Serve until a signal arrives; return the exit code."""
        # Until the supervisor handles signals itself, one interrupts the preparation. SIGINT is included because a
        # shell starts background jobs with SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        _check_models()
        os.umask(0o077)  # inherited by the child processes
        try:
            _prepare_folder(self.folder)
            with _folder_lock(self.folder, url=settings.SITE_URL):
                _check_port_available(self.host, self.port)
                return self._serve()
        except EmbeddedServerError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            return 130

    def _serve(self) -> int:
        console = Console(self.folder / "log" / "portal.log", quiet=self._quiet)
        embedded_urls = server_urls(self.folder)
        servers = EmbeddedServers(
            self.folder,
            postgres=os.environ.get("DATABASE_URL") == embedded_urls["DATABASE_URL"],
            valkey=os.environ.get("REDIS_URL") == embedded_urls["REDIS_URL"],
        )
        environment.write_file(self.folder)
        if servers.servers:
            console.message(f"Starting PostgreSQL and Valkey in {self.folder}")
        with servers:
            self.prepare(console)
            if embedded_urls["DATABASE_URL"] == os.environ.get("DATABASE_URL"):
                release_workers()
                connections.close_all()
            supervisor = Supervisor(
                self._children(console),
                servers=servers,
                console=console,
                address=("127.0.0.1" if self.host == "0.0.0.0" else self.host, self.port),  # noqa: S104 (compared)
                on_ready=lambda: self.on_ready(console),
                on_foreground_exit=lambda code: self.on_exit(console, code),
            )
            code = supervisor.run()
        console.message("Stopped.")
        return code

    def prepare(self, console: Console) -> None:
        """Migrate the database and collect the static files."""
        console.message("Preparing the database and the static files")
        for command, options in (("migrate", {"interactive": False}), ("collectstatic", {"interactive": False})):
            output = io.StringIO()
            call_command(command, stdout=output, stderr=output, verbosity=0, **options)
            for line in output.getvalue().splitlines():
                console.write_line(command, line)
        connections.close_all()

    def on_ready(self, console: Console) -> subprocess.Popen[bytes] | None:
        console.message(f"Mutoscope is ready: {settings.SITE_URL}")
        self.show_email_folder(console)
        return None

    def show_email_folder(self, console: Console) -> None:
        if settings.EMBEDDED:
            console.message(f"  Emails        sign-up codes are printed here and saved in {settings.EMAIL_FILE_PATH}")

    def on_exit(self, console: Console, code: int) -> bool:
        """Return whether the portal stops with its foreground process."""
        return False

    def _children(self, console: Console) -> list[ManagedProcess]:
        env = {"DJANGO_SETTINGS_MODULE": "portal.settings"}
        # Streams and long-polling requests stay open: they must not delay the shutdown.
        uvicorn = (
            "uvicorn portal.asgi:application --http portal.web.http_protocol:BoundedHttpProtocol --log-level warning"
        )
        # uvicorn would trust any X-Forwarded-For from this machine; TRUSTED_PROXIES decides which proxies are trusted.
        uvicorn += " --no-proxy-headers"
        web = [*uvicorn.split(), "--timeout-graceful-shutdown", "3", "--host", self.host, "--port", str(self.port)]
        commands = {
            "reconciler": ["reconciler"],
            # Two processes, so that a large export or the deletion of many files does not delay webhooks and emails.
            "webhooks_mail": ["maintenance_worker", "webhooks", "mail"],
            "files_exports": ["maintenance_worker", "files", "exports"],
        }
        commands |= _worker_commands(settings.MODELS_ENABLED)
        python = [sys.executable, "-m"]
        return [
            ManagedProcess("web", [*python, *web], console=console, env={**env, "DATABASE_POOL_SIZE": WEB_POOL_SIZE}),
            *(
                ManagedProcess(name, [*python, "django", *arguments], console=console, env=env)
                for name, arguments in commands.items()
            ),
        ]


def _worker_commands(models: list[str]) -> dict[str, list[str]]:
    """Return the commands of the workers: one for all models that need the GPU, and one for each of the others."""
    on_gpu = ",".join(filter(needs_gpu, models))
    return {
        names: ["gpuworker", "--models", names]
        for names in (on_gpu, *(name for name in models if not needs_gpu(name)))
        if names
    }


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def release_workers() -> None:
    """Remove all workers and end their leases: jobs interrupted by a kill -9 of everything are retried at once.

    No worker can be running: the database belongs to this folder, the folder is locked, and workers end with their
    portal.
    """
    Worker.objects.all().delete()
    Job.objects.filter(state=State.IN_PROGRESS).update(lease_until=DatabaseNow())


def _check_models() -> None:
    """Refuse invalid model settings before anything starts: a worker without a model would crash repeatedly."""
    requested_model = os.environ.get("MODEL")
    if errors := [*model_setting_errors(), *origin_setting_errors()]:
        text = " ".join(errors)
        # MODEL was added to MODELS_ENABLED. Name the variable that the user has set.
        internal, given = f"MODELS_ENABLED contains {requested_model!r}", f"MODEL is {requested_model!r}"
        raise CommandError(text.replace(internal, given))
    if requested_model and requested_model not in settings.MODELS_ENABLED:
        enabled = ", ".join(settings.MODELS_ENABLED)
        raise CommandError(f"MODEL is {requested_model!r}, which is not in MODELS_ENABLED ({enabled}).")
    if (name := next(filter(needs_gpu, settings.MODELS_ENABLED), None)) and not environment.has_gpu():
        raise CommandError(
            f"The model {name!r} needs torch and an NVIDIA GPU, and this machine lacks one of them. "
            f"Use MODEL=camera, which needs neither, and remove {name!r} from MODELS_ENABLED."
        )


def _prepare_folder(folder: Path) -> None:
    try:
        # Images, videos and emails are private. If the portal runs as root, the database's user has to pass through the
        # folder, and so can all users: each private folder has its own mode, also if an earlier version created it.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _PRIVATE_FOLDERS:
            (folder / name).mkdir(exist_ok=True)
            (folder / name).chmod(0o700)
        (folder / "log" / ".writable").touch()
        (folder / "log" / ".writable").unlink()
    except OSError as error:
        raise CommandError(
            f"{folder} cannot be written ({error.strerror}). "
            "Set VAR_DIR to another folder, or remove this one if it belongs to another user."
        ) from None


@contextmanager
def _folder_lock(folder: Path, *, url: str) -> Iterator[None]:
    """Hold the folder's lock, which the kernel releases however this process ends."""
    with (folder / "up.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CommandError(
                f"A portal is already running in {folder} ({file.read().strip()}). "
                "Stop it first, or set VAR_DIR to another folder for a second one."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, {url}\n")
        file.flush()
        yield


def _check_port_available(host: str, port: int, *, timeout_seconds: float = 1.0) -> None:
    """Raise CommandError if the port is not free. A portal that was just killed may hold it for a moment longer."""
    give_up_at = time.monotonic() + timeout_seconds
    while (error := _bind_error(host, port)) is not None:
        if error.errno != errno.EADDRINUSE:
            raise CommandError(
                f"Cannot listen on {host} port {port}: {error.strerror}. Set --host or --port (or PORT)."
            )
        if time.monotonic() > give_up_at:
            raise CommandError(f"Port {port} is in use by another program. Choose another with --port N or PORT=N.")
        time.sleep(0.1)


def _bind_error(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
