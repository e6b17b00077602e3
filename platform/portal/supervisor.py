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

from portal.children import Child
from portal.console import Console
from portal.embedded import EmbeddedServerError, EmbeddedServers

# Workers drain for up to 8 seconds; the servers' stop takes what is left of 10.
GRACE_SECONDS = 8.5
SERVER_RETRY_SECONDS = 5.0


class Supervisor:
    """Runs the children beside the embedded servers until a signal comes.

    A guest is a process that starts once, when the portal is ready, with the terminal to itself. `on_guest_end` gets
    its exit code and returns whether the portal ends with it.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        servers: EmbeddedServers,
        console: Console,
        address: tuple[str, int],
        on_ready: Callable[[], subprocess.Popen[bytes] | None],
        on_guest_end: Callable[[int], bool],
    ) -> None:
        self._children = children
        self._servers = servers
        self._console = console
        self._address = address
        self._on_ready = on_ready
        self._on_guest_end = on_guest_end
        self._guest: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._signals = 0
        self._servers_next_look = 0.0

    def run(self) -> int:
        """Returns the exit code when everything but the servers has ended."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._count_signal)
        try:
            while not self._signals:
                self._revive_servers()
                for child in self._children:
                    child.keep_running()
                self._relay(seconds=0.2)
                self._welcome()
                if (code := self._guest_code()) is not None and self._on_guest_end(code):
                    return code
            return 0
        finally:
            self._end_all()

    def _count_signal(self, *_: object) -> None:
        self._signals += 1

    def _relay(self, *, seconds: float) -> None:
        readable, _, _ = select.select([child.output for child in self._children if child.output >= 0], [], [], seconds)
        if not readable:
            return
        for child in self._children:
            child.relay()

    def _revive_servers(self) -> None:
        """Starts a server again that crashed. The children live through it: they reconnect."""
        if time.monotonic() < self._servers_next_look:
            return
        for server in self._servers.servers:
            if server.crashed():
                self._console.line(server.name, "has crashed; starting again")
                try:
                    server.start()
                except EmbeddedServerError as error:
                    self._console.line(server.name, str(error))
                    self._servers_next_look = time.monotonic() + SERVER_RETRY_SECONDS

    def _welcome(self) -> None:
        """Once, when the portal says that it is ready: tells so and lets the guest in."""
        if self._ready or not self._is_ready():
            return
        self._ready = True
        self._guest = self._on_ready()

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

    def _guest_code(self) -> int | None:
        """The guest's exit code, once."""
        if self._guest is None or (code := self._guest.poll()) is None:
            return None
        self._guest = None
        return code

    def _end_all(self) -> None:
        """Asks all to end and gives them time; a second Ctrl-C cuts it short."""
        self._console.say("Stopping …")
        already = self._signals
        if self._guest is not None:
            self._guest.kill()
            self._guest.wait()
        for child in self._children:
            child.ask_to_end()
        give_up_at = time.monotonic() + GRACE_SECONDS
        while not all(child.ended() for child in self._children):
            if time.monotonic() > give_up_at or self._signals > already + 1:
                break
            self._relay(seconds=0.1)
        for child in self._children:
            child.kill()
