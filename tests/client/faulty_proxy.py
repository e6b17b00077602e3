"""A TCP proxy in front of the site that drops connections or returns 404 for some paths."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

_CHUNK_BYTES = 512
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class FaultyProxy:
    """Forwards `url` to a local port.

    drop_after_bytes: drop each connection after this many bytes of responses.
    not_found: return 404 if the request line contains this.
    """

    def __init__(self, port: int, *, drop_after_bytes: int | None = None, not_found: bytes = b"") -> None:
        self._port, self._drop_after_bytes, self._not_found = port, drop_after_bytes, not_found
        self.drops = 0
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward_requests, args=(client,), daemon=True).start()

    def _forward_requests(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._port))
        threading.Thread(target=self._forward_responses, args=(server, client), daemon=True).start()
        with suppress(OSError):
            while chunk := client.recv(1 << 16):
                if chunk.split(b" ")[0] in {b"GET", b"POST", b"DELETE"}:
                    self.requests.append(chunk)
                    if self._not_found and self._not_found in chunk.split(b"\r\n")[0]:
                        client.sendall(_NOT_FOUND)
                        break
                server.sendall(chunk)
        self._close(client, server)

    def _forward_responses(self, server: socket.socket, client: socket.socket) -> None:
        forwarded = 0
        with suppress(OSError):
            while chunk := server.recv(_CHUNK_BYTES):
                client.sendall(chunk)
                forwarded += len(chunk)
                if self._drop_after_bytes and forwarded >= self._drop_after_bytes:
                    self.drops += 1
                    # Reset the connection as a crashed proxy does: bytes that the client has not read are lost.
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
        self._close(client, server)

    def _close(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
