"""A real S3 server (SeaweedFS), and a connection to it that can be disturbed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Literal

from tests.support.ports import own_port

UNAVAILABLE_RESPONSE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
# The bytes of an upload that arrive before the connection is cut: its headers and a part of its body.
HALF_BYTES = 1_500
KEYS = {"AWS_ACCESS_KEY_ID": "mutoscope", "AWS_SECRET_ACCESS_KEY": "only for tests"}
PORTS = ("s3", "s3.port.grpc", "filer", "filer.port.grpc", "master", "master.port.grpc", "volume", "volume.port.grpc")


class S3Server:
    """`weed mini` with one bucket, `media`. It keeps its objects when it is killed and restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: own_port() for name in PORTS}

    @property
    def port(self) -> int:
        return self.ports["s3"]

    def start(self) -> None:
        flags = [f"-{name if '.' in name else f'{name}.port'}={port}" for name, port in self.ports.items()]
        quiet = ["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-master.telemetry=false"]
        weed = Path(sys.executable).with_name("weed")
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(
                [weed, "mini", f"-dir={self.folder}", "-ip=127.0.0.1", "-bucket=media", *flags, *quiet],
                env=os.environ | KEYS,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        give_up = time.monotonic() + 90
        while not self._responds():
            assert time.monotonic() < give_up, (self.folder / "weed.log").read_text()[-3000:]
            time.sleep(0.2)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _responds(self) -> bool:
        """Return whether it refuses anonymous requests, which means that the bucket's keys are loaded."""
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/media", timeout=2).close()
        except urllib.error.HTTPError as error:
            with error:
                return error.code == 403
        except OSError:
            return False
        return False


class StorageProxy:
    """Forwards connections to a port of this machine, or does what `mode` says to new ones."""

    def __init__(self, port: int) -> None:
        self.mode: Literal["open", "busy", "cut"] = "open"
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def set_mode(self, mode: Literal["open", "busy", "cut"]) -> None:
        """Change the mode. Open connections are closed."""
        self.mode = mode
        while self._sockets:
            _close(self._sockets.pop())

    def close(self) -> None:
        _close(self._listener)
        self.set_mode("open")

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, self.mode), daemon=True).start()

    def _serve(self, client: socket.socket, mode: str) -> None:
        if mode == "busy":
            with client, suppress(OSError):
                client.recv(65_536)
                client.sendall(UNAVAILABLE_RESPONSE)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        self._sockets += [client, server]
        back = threading.Thread(target=_copy, args=(server, client, sys.maxsize), daemon=True)
        back.start()
        _copy(client, server, HALF_BYTES if mode == "cut" else sys.maxsize)
        back.join()


def _copy(source: socket.socket, target: socket.socket, left: int) -> None:
    """Copy until an end is closed or `left` bytes are copied; close both."""
    with suppress(OSError):
        while left > 0 and (data := source.recv(min(left, 65_536))):
            target.sendall(data)
            left -= len(data)
    _close(source)
    _close(target)


def _close(open_socket: socket.socket) -> None:
    with suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)
    open_socket.close()
