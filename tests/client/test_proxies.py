"""The client and the proxies of the environment."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from mutoscope import AsyncMutoscope, Mutoscope
from mutoscope.errors import ConfigurationError
from mutoscope.proxies import is_loopback

PROXIES = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
LOCAL = (
    "http://localhost:8000",
    "http://127.0.0.1:8000",
    "http://127.1.2.3",
    "http://[::1]:8000",
    "https://a.localhost",
)
REMOTE = "https://video.example.com"


@pytest.fixture(params=[Mutoscope, AsyncMutoscope])
def create(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Returns a function that creates a client in an environment and returns its HTTP client."""

    def make(base_url: str, **environment: str) -> Any:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return request.param(base_url, "mts_a_b")._transport.http

    return make


def proxies_of(client: Any) -> list[Any]:
    return [transport for transport in client._mounts.values() if transport is not None]


@pytest.mark.parametrize("url", LOCAL)
@pytest.mark.parametrize(
    "environment",
    [PROXIES, {"ALL_PROXY": "socks5://127.0.0.1:9"}, {**PROXIES, "NO_PROXY": "[::1]"}],
)
def test_no_proxy_is_used_for_this_machine(url: str, environment: dict[str, str], create: Callable[..., Any]) -> None:
    assert proxies_of(create(url, **environment)) == []


def test_other_servers_are_reached_through_the_proxy(create: Callable[..., Any]) -> None:
    assert proxies_of(create(REMOTE, **PROXIES))
    assert proxies_of(create(REMOTE)) == []


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ALL_PROXY": "socks5://127.0.0.1:9"}, r"httpx\[socks\]"),
        ({**PROXIES, "NO_PROXY": "[::1]"}, "NO_PROXY"),
        ({"ALL_PROXY": "carrier-pigeon://x"}, "ALL_PROXY"),
    ],
)
def test_what_httpx_cannot_use_is_named(
    environment: dict[str, str], message: str, create: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ConfigurationError, match=message):
        create(REMOTE, **environment)


def test_a_client_of_the_caller_is_used_as_it_is() -> None:
    with httpx.Client() as client:
        assert Mutoscope("http://localhost", "mts_a_b", http_client=client)._transport.http is client
    own = httpx.AsyncClient()
    assert AsyncMutoscope("http://localhost", "mts_a_b", http_client=own)._transport.http is own
    asyncio.run(own.aclose())


@pytest.mark.parametrize("url", ["https://localhost.example.com", "https://10.0.0.1", "https://[::2]", REMOTE])
def test_other_hosts_are_not_this_machine(url: str) -> None:
    assert not is_loopback(url)
