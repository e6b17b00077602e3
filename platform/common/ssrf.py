"""An HTTP client for URLs that users chose, protected against server-side request forgery.

The client resolves the host name once, refuses IP addresses that are not public, and connects to the very address that
it checked; TLS still verifies the host name. It follows no redirect, uses no proxy of the environment, and ends the
whole exchange after a fixed time: the timeouts of sockets apply to each read, so a server that sends a byte every nine
seconds could hold a connection for days. The caller limits how much of a response it reads.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeVar

import httpcore
import httpx

T = TypeVar("T")

_CONNECT_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS = 5.0, 10.0

# Unicast IPv6 addresses of the internet. Everything else is refused, such as fec0::/10, fc00::/7 and ::/96.
_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")
# Refused in addition to those that `ipaddress` knows as not global.
_FORBIDDEN = [
    ip_network(text)
    for text in (
        "168.63.129.16/32",  # metadata and DNS of Azure
        "192.0.0.0/24",  # IETF protocol assignments; metadata of Oracle Cloud
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4: contains an IPv4 address
        "3fff::/20",  # documentation
    )
]


class ForbiddenIPAddress(httpx.TransportError):
    """The host of the URL is an IP address that is not public."""


class TLSError(httpx.ConnectError):
    """The TLS handshake failed, for example because the certificate is not valid for the host name."""


@contextmanager
def safe_client(
    *, user_agent: str, timeout_seconds: float, allow_private_ips: bool = False, allow_loopback: bool = False
) -> Iterator[httpx.Client]:
    """Yield a client for one exchange, which raises httpx.TimeoutException when `timeout_seconds` have passed.

    It raises ForbiddenIPAddress, TLSError and the errors of httpx. A host name whose IP address is not public raises
    the same error as a host name that does not exist. allow_private_ips: allow all IP addresses.
    allow_loopback: allow the IP addresses of this machine, and no other private ones.
    """

    def is_allowed(address: IPv4Address | IPv6Address) -> bool:
        return allow_private_ips or is_public(address) or (allow_loopback and _unwrap(address).is_loopback)

    transport = _CheckingTransport(is_allowed=is_allowed, end=time.monotonic() + timeout_seconds)
    timeout = httpx.Timeout(_READ_TIMEOUT_SECONDS, connect=_CONNECT_TIMEOUT_SECONDS)
    headers = {"User-Agent": user_agent}
    with httpx.Client(transport=transport, timeout=timeout, headers=headers, trust_env=False) as client:
        yield client


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether the IP address is a unicast address of the internet. An embedded IPv4 address is checked."""
    address = _unwrap(address)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    is_special = address.is_multicast or address.is_reserved or any(address in network for network in _FORBIDDEN)
    return address.is_global and not is_special


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _unwrap(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that packets to an IPv4-mapped or NAT64 address reach."""
    if isinstance(address, IPv4Address):
        return address
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped or address


class _CheckingTransport(httpx.HTTPTransport):
    """The transport of httpx over connections that `_CheckingBackend` opens."""

    def __init__(self, *, is_allowed: Callable[[IPv4Address | IPv6Address], bool], end: float) -> None:
        super().__init__(verify=_ssl_context(), trust_env=False)
        # httpx has no parameter for the network backend.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context(),
            max_keepalive_connections=0,
            network_backend=_CheckingBackend(is_allowed=is_allowed, end=end),
        )


@cache
def _ssl_context() -> ssl.SSLContext:
    """Return the context of all exchanges: loading the root certificates takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


class _CheckingBackend(httpcore.NetworkBackend):
    """Opens connections to allowed IP addresses. `end` is the time of the monotonic clock when everything times out."""

    def __init__(self, *, is_allowed: Callable[[IPv4Address | IPv6Address], bool], end: float) -> None:
        self._is_allowed, self._end = is_allowed, end

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        targets = self._resolve(host, port)
        if not all(self._is_allowed(ip_address(socket_address[0])) for _family, socket_address in targets):
            if _is_ip_address(host):
                raise ForbiddenIPAddress(f"{host} is not public.")
            # As for a name that does not exist: a user must not learn which internal names do.
            raise httpcore.ConnectError(f"{host} has no public IP address.")
        error: OSError | None = None
        for family, socket_address in targets:
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(_remaining(self._end, timeout, httpcore.ConnectTimeout))
                connection.connect(socket_address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as failure:
                connection.close()
                error = failure
            except BaseException:
                connection.close()
                raise
            else:
                return _TimedStream(connection, end=self._end)
        raise (httpcore.ConnectTimeout if isinstance(error, TimeoutError) else httpcore.ConnectError)(str(error))

    def _resolve(self, host: str, port: int) -> list[tuple[int, Any]]:
        """Return (family, socket address) pairs. The resolver cannot be interrupted: its thread ends by itself."""
        try:
            found = _run_in_thread(
                lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
                timeout_seconds=_remaining(self._end, None, httpcore.ConnectTimeout),
            )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time.") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        return [(family, socket_address) for family, _type, _protocol, _name, socket_address in found]


class _TimedStream(httpcore.NetworkStream):
    """A socket whose operations all time out at `end`, and each after its own timeout."""

    def __init__(self, connection: socket.socket, *, end: float) -> None:
        self._socket, self._end = connection, end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            self._socket.settimeout(_remaining(self._end, timeout, httpcore.ReadTimeout))
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        remaining = memoryview(buffer)
        try:
            while remaining:
                self._socket.settimeout(_remaining(self._end, timeout, httpcore.WriteTimeout))
                remaining = remaining[self._socket.send(remaining) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            self._socket.settimeout(_remaining(self._end, timeout, httpcore.ConnectTimeout))
            return _TimedStream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), end=self._end)
        except TimeoutError as error:
            self.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except (ssl.SSLError, ValueError) as error:
            self.close()
            raise TLSError(str(error)) from error
        except OSError as error:
            self.close()
            raise httpcore.ConnectError(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        if info == "is_readable":
            return bool(select.select([self._socket], [], [], 0)[0])
        return {"socket": self._socket}.get(info)

    def close(self) -> None:
        self._socket.close()


def _remaining(end: float, timeout: float | None, timeout_error: type[httpcore.TimeoutException]) -> float:
    """Return the seconds until `end`, at most `timeout`. Raises the error if there are none left."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise timeout_error("The time for the exchange is over.")
    return seconds if timeout is None else min(seconds, timeout)


def _run_in_thread(function: Callable[[], T], *, timeout_seconds: float) -> T:
    """Return the function's result. Raises TimeoutError if it takes longer; its thread then ends by itself."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # raised again by `result()`
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    wait([future], timeout=timeout_seconds)
    return future.result(timeout=0)
