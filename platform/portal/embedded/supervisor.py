"""Runs the portal's processes: starts them, merges their logs, restarts crashed ones, stops them together.

No library fits: honcho stops everything when one process exits, circus and supervisord need a daemon and their own
configuration, and none uses the kernel's parent death signal. Everything runs in one thread: the children's death
signal is bound to the thread that started them (see `processes`).
"""

import http.client
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from portal.embedded.console import Console
from portal.embedded.managed_process import ManagedProcess
from portal.embedded.servers import EmbeddedServerError, EmbeddedServers

# Workers drain for up to 8 seconds; the servers stop in the rest of 10 seconds.
SHUTDOWN_TIMEOUT_SECONDS = 8.5
SERVER_RETRY_INTERVAL_SECONDS = 5.0


class Supervisor:
    """Runs the children and watches the embedded servers until a signal arrives.

    `on_ready` may return a foreground process: it is started once, when the portal is ready, and uses the terminal
    alone. `on_foreground_exit` gets its exit code and returns whether the portal stops with it.
    """

    def __init__(
        self,
        children: Sequence[ManagedProcess],
        *,
        servers: EmbeddedServers,
        console: Console,
        address: tuple[str, int],
        on_ready: Callable[[], subprocess.Popen[bytes] | None],
        on_foreground_exit: Callable[[int], bool],
    ) -> None:
        self._children = children
        self._servers = servers
        self._console = console
        self._address = address
        self._on_ready = on_ready
        self._on_foreground_exit = on_foreground_exit
        self._foreground_process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._signal_count = 0
        self._next_server_check_at = 0.0

    def run(self) -> int:
        """Run until everything except the servers has stopped; return the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._count_signal)
        try:
            while not self._signal_count:
                self._restart_crashed_servers()
                for child in self._children:
                    child.ensure_running()
                self._relay(seconds=0.2)
                self._handle_ready()
                if (code := self._foreground_exit_code()) is not None and self._on_foreground_exit(code):
                    return code
            return 0
        finally:
            self._stop_all()

    def _count_signal(self, *_: object) -> None:
        self._signal_count += 1

    def _relay(self, *, seconds: float) -> None:
        readable, _, _ = select.select([child.output for child in self._children if child.output >= 0], [], [], seconds)
        if not readable:
            return
        for child in self._children:
            child.relay()

    def _restart_crashed_servers(self) -> None:
        """Restart a crashed server. The children keep running: they reconnect."""
        if time.monotonic() < self._next_server_check_at:
            return
        for server in self._servers.servers:
            if server.has_crashed():
                self._console.write_line(server.name, "crashed; restarting")
                try:
                    server.start()
                except EmbeddedServerError as error:
                    self._console.write_line(server.name, str(error))
                    self._next_server_check_at = time.monotonic() + SERVER_RETRY_INTERVAL_SECONDS

    def _handle_ready(self) -> None:
        """Call `on_ready` once, when the portal is ready."""
        if self._ready or not self._is_ready():
            return
        self._ready = True
        self._foreground_process = self._on_ready()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(*self._address, timeout=1)
        try:
            # ALLOWED_HOSTS contains localhost by default, whatever the IP address.
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _foreground_exit_code(self) -> int | None:
        """Return the exit code of the foreground process, once."""
        if self._foreground_process is None or (code := self._foreground_process.poll()) is None:
            return None
        self._foreground_process = None
        return code

    def _stop_all(self) -> None:
        """Terminate all processes and wait for them; a second Ctrl-C kills them at once."""
        self._console.message("Stopping …")
        signals_before = self._signal_count
        if self._foreground_process is not None:
            self._foreground_process.kill()
            self._foreground_process.wait()
        for child in self._children:
            child.terminate()
        give_up_at = time.monotonic() + SHUTDOWN_TIMEOUT_SECONDS
        while not all(child.has_exited() for child in self._children):
            if time.monotonic() > give_up_at or self._signal_count > signals_before + 1:
                break
            self._relay(seconds=0.1)
        for child in self._children:
            child.kill()
