"""The circuit breaker, and that all users of the Redis client share one."""

import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common import circuit_breaker
from common.circuit_breaker import CircuitBreaker
from common.concurrency import ConcurrencyLimiter
from common.messages import Message
from common.ratelimit import Limit, hit
from common.redis_client import redis_breaker
from common.tasks import queues
from jobs.events.event import EventId
from jobs.events.event_log import read_events_after
from tests.support.outages import forget_redis_clients


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(circuit_breaker, "time", fake)
    return fake


def test_a_new_breaker_is_closed(clock: Clock) -> None:
    assert not CircuitBreaker().is_open


@pytest.mark.parametrize(("seconds", "is_open"), [(0.0, True), (1.9, True), (2.1, False), (60.0, False)])
def test_it_is_open_for_a_while_after_a_failure(clock: Clock, seconds: float, is_open: bool) -> None:
    breaker = CircuitBreaker(open_seconds=2.0)
    breaker.open()
    clock.now += seconds
    assert breaker.is_open is is_open


def test_each_failure_starts_the_time_again(clock: Clock) -> None:
    breaker = CircuitBreaker(open_seconds=2.0)
    breaker.open()
    clock.now += 1.5
    breaker.open()
    clock.now += 1.5
    assert breaker.is_open


class SilentRedis:
    """Accepts connections and never answers. Counts them."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self._connections.append(self._listener.accept()[0])
            except OSError:
                return

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in [self._listener, *self._connections]:
            connection.close()


@pytest.fixture
def silent_redis(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentRedis]:
    server = SilentRedis(tmp_path / "silent")
    settings.REDIS_URL = f"unix://{tmp_path / 'silent'}?db=0"
    settings.REDIS_TIMEOUT_SECONDS = 0.2
    # On a busy machine, too, the test ends before Redis is tried again.
    monkeypatch.setattr(redis_breaker, "_open_seconds", 600)
    forget_redis_clients()
    yield server
    server.close()
    monkeypatch.undo()
    forget_redis_clients()


LIMITER = ConcurrencyLimiter("test", work=Message("tests"), process_limit=1)


def count_request() -> None:
    assert hit([Limit("team", "1", "1/minute")]) == []


def wake_up() -> None:
    assert queues.wake_up("cpu") is False


def limit_concurrency() -> None:
    with LIMITER.acquire(team_id=1, team_limit=1, expires_after_seconds=60):
        pass


def read_events() -> None:
    assert read_events_after(uuid.uuid4(), EventId(0)) is None


USERS = [count_request, wake_up, limit_concurrency, read_events]


@pytest.mark.parametrize("first", USERS)
def test_after_one_failure_nobody_asks_redis(silent_redis: SilentRedis, first: Any) -> None:
    first()
    assert (redis_breaker.is_open, silent_redis.connection_count) == (True, 1)
    for user in USERS:
        user()
    assert silent_redis.connection_count == 1
