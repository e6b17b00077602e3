"""Keeps the portal's processes running: starts, joins their logs, restarts what crashed, ends all together.

Our own code, because the libraries at hand fall short: honcho ends everything when one process does, circus and
supervisord bring a daemon and a configuration of their own, and none ties its children's lives to its own by the
kernel. One thread only: the children's death signal follows the thread that started them (see `processes`).
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

# Workers drain for up to 8 seconds; the servers' stop takes what is left of 10.
SHUTDOWN_TIMEOUT_SECONDS = 8.5
SERVER_RETRY_INTERVAL_SECONDS = 5.0


class Supervisor:
    """Runs the children beside the embedded servers until a signal comes.

    A guest is a process that starts once, when the portal is ready, with the terminal to itself. `on_guest_end` gets
    its exit code and returns whether the portal ends with it.
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
        """Returns the exit code when everything but the servers has ended."""
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
        """Starts a server again that crashed. The children live through it: they reconnect."""
        if time.monotonic() < self._next_server_check_at:
            return
        for server in self._servers.servers:
            if server.has_crashed():
                self._console.write_line(server.name, "has crashed; starting again")
                try:
                    server.start()
                except EmbeddedServerError as error:
                    self._console.write_line(server.name, str(error))
                    self._next_server_check_at = time.monotonic() + SERVER_RETRY_INTERVAL_SECONDS

    def _handle_ready(self) -> None:
        """Once, when the portal says that it is ready: tells so and lets the guest in."""
        if self._ready or not self._is_ready():
            return
        self._ready = True
        self._foreground_process = self._on_ready()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(*self._address, timeout=1)
        try:
            # The name is one that ALLOWED_HOSTS has by default, whatever the address.
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _foreground_exit_code(self) -> int | None:
        """The guest's exit code, once."""
        if self._foreground_process is None or (code := self._foreground_process.poll()) is None:
            return None
        self._foreground_process = None
        return code

    def _stop_all(self) -> None:
        """Asks all to end and gives them time; a second Ctrl-C cuts it short."""
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
