"""The queues of RQ and the timeouts of their connections."""

import pytest
from redis.connection import parse_url

from portal.settings.rq import RQ_QUEUES, _with_timeouts


def options_of(url: str) -> dict[str, object]:
    """Return the options of the client, as redis-py reads them from the URL."""
    options: dict[str, object] = parse_url(_with_timeouts(url, 3))  # type: ignore[no-untyped-call]
    return options


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", {"host": "host"}),
        ("redis://:p%40ss@host:7000/2", {"host": "host", "port": 7000, "db": 2, "password": "p@ss"}),
        ("rediss://user:p@host/0?ssl_cert_reqs=none", {"host": "host", "username": "user", "ssl_cert_reqs": "none"}),
        ("unix:///run/valkey.sock?db=3", {"path": "/run/valkey.sock", "db": 3}),
        ("unix:///run/valkey.sock", {"path": "/run/valkey.sock"}),
    ],
)
def test_timeouts_are_added_to_any_url(url: str, expected: dict[str, object]) -> None:
    options = options_of(url)
    assert options | expected | {"socket_timeout": 3.0, "socket_connect_timeout": 3.0} == options


def test_a_timeout_that_the_operator_has_set_stays() -> None:
    options = options_of("redis://host?socket_timeout=9")
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (9.0, 3.0)


def test_the_queues() -> None:
    assert list(RQ_QUEUES) == ["pool.gpu", "pool.cpu", "webhooks", "mail", "files", "exports"]
