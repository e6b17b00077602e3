"""Messages between a site process and a decoder process: their length in 4 bytes, then their content."""

import socket
import struct

_LENGTH = struct.Struct(">I")


def send_message(connection: socket.socket, content: bytes) -> None:
    """Send one message."""
    connection.sendall(_LENGTH.pack(len(content)))
    connection.sendall(content)


def receive_message(connection: socket.socket) -> bytes:
    """Receive one message. Raise EOFError if the other side has closed the connection."""
    (length,) = _LENGTH.unpack(_receive(connection, _LENGTH.size))
    return _receive(connection, length)


def _receive(connection: socket.socket, length: int) -> bytes:
    content = bytearray(length)
    view = memoryview(content)
    while view:
        received = connection.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return bytes(content)
