"""A proxy of the environment that does not respond."""

import pytest

DEAD_PROXY = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
# Empty: the environment of the tests may exclude this machine from its own proxies.
DEAD_PROXY |= {"no_proxy": "", "NO_PROXY": ""}


def use_dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in DEAD_PROXY.items():
        monkeypatch.setenv(name, value)
