"""Creates HTTP clients that use the proxies of the environment, except for a server on this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TypeVar

import httpx

from mutoscope.errors import ConfigurationError

_Client = TypeVar("_Client")


def is_loopback(url: str) -> bool:
    """Returns whether the URL names this machine. A proxy would send the request to its own machine."""
    host = httpx.URL(url).host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def sync_client(base_url: str) -> httpx.Client:
    # With a transport of its own, a client ignores the proxies of the environment, but not its certificates.
    if is_loopback(base_url):
        return httpx.Client(transport=httpx.HTTPTransport())
    return _with_environment(httpx.Client)


def async_client(base_url: str) -> httpx.AsyncClient:
    if is_loopback(base_url):
        return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport())
    return _with_environment(httpx.AsyncClient)


def _with_environment(create: Callable[[], _Client]) -> _Client:
    try:
        return create()
    except ImportError:
        raise ConfigurationError(
            "The environment names a SOCKS proxy, which needs another package: pip install 'httpx[socks]'. "
            "Or unset ALL_PROXY, HTTP_PROXY and HTTPS_PROXY."
        ) from None
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigurationError(
            f"A proxy setting of the environment is not valid ({error}). Check ALL_PROXY, HTTP_PROXY, HTTPS_PROXY and "
            "NO_PROXY. In NO_PROXY, write IPv6 addresses without brackets."
        ) from None
