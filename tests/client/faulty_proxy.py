"""A relay in front of a portal that breaks lines, or hides what an older portal would not have."""

import socket
import struct
import threading
from contextlib import suppress

_PIECE = 512
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class FaultyProxy:
    """`url` leads to the portal on `port`. cut_after: so many bytes of answers a line passes, then it is cut.

    cuts: how many lines may be cut, all of them by default. hidden: what an address holds that is not found here.
    """

    def __init__(self, port: int, *, cut_after: int | None = None, cuts: int = 10_000, hidden: bytes = b"") -> None:
        self._far, self._cut_after, self._hidden = port, cut_after, hidden
        self._cuts_left, self.cuts = cuts, 0
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "FaultyProxy":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        """One line to the portal for each request, so that `cut_after` counts the bytes of one answer."""
        far = socket.create_connection(("127.0.0.1", self._far))
        threading.Thread(target=self._back, args=(far, near), daemon=True).start()
        with suppress(OSError):
            while piece := near.recv(1 << 16):
                if piece.split(b" ")[0] in {b"GET", b"POST", b"DELETE"}:
                    self.requests.append(piece)
                    if self._hidden and self._hidden in piece.split(b"\r\n")[0]:
                        near.sendall(_NOT_FOUND)
                        break
                far.sendall(piece)
        self._abort(near, far)

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while piece := far.recv(_PIECE):
                near.sendall(piece)
                passed += len(piece)
                if self._cut_after and passed >= self._cut_after and self._cuts_left > 0:
                    self._cuts_left -= 1
                    self.cuts += 1
                    # A reset, as when a proxy dies: what is not read yet may be lost as well.
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
        self._abort(near, far)

    def _abort(self, *ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
