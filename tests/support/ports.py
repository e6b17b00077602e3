"""Ports of loopback that belong to a test."""

import socket

_holders: list[socket.socket] = []


def own_port() -> int:
    """A port for a server that is still to be started; until then nobody listens there.

    A socket that is bound, and does not listen, keeps the system from giving it to anybody else while this process
    runs. A server may bind it all the same: like all of ours it says SO_REUSEADDR.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _holders.append(holder)
    port: int = holder.getsockname()[1]
    return port
