"""`manage.py up`: the whole portal on one machine, from nothing to ready."""

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
from jobs.models import Job
from jobs.states import State
from portal.embedded import environment
from portal.embedded.console import Console
from portal.embedded.managed_process import ManagedProcess
from portal.embedded.servers import EmbeddedServerError, EmbeddedServers, server_urls
from portal.embedded.supervisor import Supervisor
from portal.settings.checks import model_setting_errors

# Threads of the web process that may use the database at once.
WEB_POOL_SIZE = "10"
# The data folder's parts that this user's processes alone open.
_PRIVATE_FOLDERS = ("log", "mail", "media", "scratch", "static", "valkey")


class EmbeddedPortal:
    """The embedded portal at one address. `demo` extends what happens when it is ready."""

    def __init__(self, *, host: str, port: int, quiet: bool = False) -> None:
        self.host, self.port = host, port
        self.folder: Path = settings.VAR_DIR
        self._quiet = quiet

    def run(self) -> int:
        """Serves until a signal comes; returns the exit code."""
        # Until the supervisor counts signals itself, one interrupts whatever is being prepared. SIGINT is named too:
        # a shell starts background jobs with it ignored.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        _check_models()
        os.umask(0o077)  # for the children too
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
        own = server_urls(self.folder)
        servers = EmbeddedServers(
            self.folder,
            postgres=os.environ.get("DATABASE_URL") == own["DATABASE_URL"],
            valkey=os.environ.get("REDIS_URL") == own["REDIS_URL"],
        )
        environment.write_file(self.folder)
        if servers.servers:
            console.message(f"Starting PostgreSQL and Valkey in {self.folder}")
        with servers:
            self.prepare(console)
            if own["DATABASE_URL"] == os.environ.get("DATABASE_URL"):
                expire_leases()
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
        """Brings database and static files to the state of this code."""
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
            console.message(f"  Its mails     sign-up codes are printed here and kept in {settings.EMAIL_FILE_PATH}")

    def on_exit(self, console: Console, code: int) -> bool:
        """Whether the portal ends with its guest."""
        return False

    def _children(self, console: Console) -> list[ManagedProcess]:
        env = {"DJANGO_SETTINGS_MODULE": "portal.settings"}
        # Streams and waiting answers stay open: they must not hold up the end.
        uvicorn = "uvicorn portal.asgi:application --http httptools --log-level warning"
        # It would believe any X-Forwarded-For from this machine; whom to believe is for TRUSTED_PROXIES to say.
        uvicorn += " --no-proxy-headers"
        web = [*uvicorn.split(), "--timeout-graceful-shutdown", "3", "--host", self.host, "--port", str(self.port)]
        commands = {"reconciler": ["reconciler"], "maintenance_worker": ["maintenance_worker"]}
        commands |= {model: ["gpuworker", "--model", model] for model in settings.MODELS_ENABLED}
        python = [sys.executable, "-m"]
        return [
            ManagedProcess("web", [*python, *web], console=console, env={**env, "DATABASE_POOL_SIZE": WEB_POOL_SIZE}),
            *(
                ManagedProcess(name, [*python, "django", *arguments], console=console, env=env)
                for name, arguments in commands.items()
            ),
        ]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def expire_leases() -> None:
    """After a kill -9 of everything the jobs of then need not wait out their leases.

    Nobody can hold one: the database is this folder's, the folder is locked, and workers die with their portal.
    """
    Job.objects.filter(state=State.IN_PROGRESS).update(lease_until=DatabaseNow())


def _check_models() -> None:
    """Before anything is started: a worker of no model would only crash again and again."""
    requested_model = os.environ.get("MODEL")
    if sentences := model_setting_errors():
        output = " ".join(sentences)
        # MODEL was added to MODELS_ENABLED. Name the variable that the user has set.
        internal, given = f"MODELS_ENABLED contains {requested_model!r}", f"MODEL is {requested_model!r}"
        raise CommandError(output.replace(internal, given))
    if requested_model and requested_model not in settings.MODELS_ENABLED:
        enabled = ", ".join(settings.MODELS_ENABLED)
        raise CommandError(f"MODEL is {requested_model!r}, which is not in MODELS_ENABLED ({enabled}).")


def _prepare_folder(folder: Path) -> None:
    try:
        # Pictures, videos and mails are nobody else's business. As root the database's user has to pass through the
        # folder itself, and so may everybody: each inside is closed by itself, also where an earlier version made it.
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
    """Holds the folder's lock, which the kernel frees however this process ends."""
    with (folder / "up.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CommandError(
                f"A portal is running in {folder} already ({file.read().strip()}). "
                "Stop it first, or set VAR_DIR to another folder for a second one."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, {url}\n")
        file.flush()
        yield


def _check_port_available(host: str, port: int, *, timeout_seconds: float = 1.0) -> None:
    """Raises before anything is started. A portal that was just killed may hold the port for a moment longer."""
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
