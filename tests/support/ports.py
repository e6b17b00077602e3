"""Ports of loopback that belong to a test."""

import socket

_bound_sockets: list[socket.socket] = []


def own_port() -> int:
    """Return a port for a server that will be started; until then nothing listens there.

    A socket that is bound but does not listen keeps the system from assigning the port to another process while this
    one runs. Our servers can still bind it, since they set SO_REUSEADDR.
    """
    bound_socket = socket.socket()
    bound_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound_socket.bind(("127.0.0.1", 0))
    _bound_sockets.append(bound_socket)
    port: int = bound_socket.getsockname()[1]
    return port
