"""Servers that a test may stop, kill and freeze."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection

from common import ratelimit
from common.redis_client import redis_breaker, redis_client
from common.tasks import queues
from portal.embedded.processes import find_processes_in
from portal.embedded.servers import Valkey
from portal.web import health
from portal.web.timed_check import TimedCheck


class OwnRedis:
    """A Redis of one test, for processes that are started with its `variables`."""

    def __init__(self, server: Valkey) -> None:
        self._server = server
        self.url = server.url
        timeout_seconds = site.USUAL_REDIS_TIMEOUT_SECONDS  # type: ignore[misc]  # only tests/settings.py has it
        # Variables for a process that must notice an unreachable Redis.
        self.variables = {"REDIS_URL": self.url, "REDIS_TIMEOUT_SECONDS": timeout_seconds}
        server.start()

    def kill(self) -> None:
        """Kills it; its data is lost."""
        os.kill(process_of(self._server), signal.SIGKILL)
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    def freeze(self) -> None:
        os.kill(process_of(self._server), signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(process_of(self._server), signal.SIGCONT)


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    server = Valkey(tmp_path_factory.mktemp("v"), durable=False)
    yield OwnRedis(server)
    for process in find_processes_in(server.data, program=server.program):
        process.send_signal(signal.SIGCONT)
    server.stop()


@pytest.fixture
def own_valkey(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> Iterator[Valkey]:
    """A Redis of one test that this process uses, too."""
    folder = tmp_path_factory.mktemp("v")
    server = Valkey(folder, durable=False)
    server.start()
    settings.REDIS_URL = f"unix://{server.socket}?db=0"
    settings.REDIS_TIMEOUT_SECONDS = settings.USUAL_REDIS_TIMEOUT_SECONDS
    forget_redis_clients()
    yield server
    server.stop()
    forget_redis_clients()


def process_of(server: Valkey) -> int:
    """The process id of a server."""
    return int(next(process.pid for process in find_processes_in(server.data, program=server.program)))


def forget_redis_clients() -> None:
    """Let the next use of Redis connect again, whatever the circuit breaker has recorded."""
    redis_client.cache_clear()
    ratelimit._script.cache_clear()
    queues._script.cache_clear()
    queues._queue.cache_clear()
    redis_breaker._open_until = 0.0


@contextmanager
def frozen_database() -> Iterator[None]:
    """Replaces the database by a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        before = dict(connection.settings_dict)
        connection.close()
        connection.settings_dict.update(HOST="127.0.0.1", PORT=listener.getsockname()[1])
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict.update(before)
    wait_for_health_checks()


def wait_for_health_checks() -> None:
    """Wait until the threads that queried a frozen server have ended: the next test starts new ones."""
    checks: list[TimedCheck[Any]] = [
        health.SYSTEM_STATUS_CHECK,
        health.QUEUE_STATS_CHECK,
        health.TEMPORARY_FOLDER_CHECK,
        *health.DEPENDENCY_CHECKS.values(),
    ]
    for check in checks:
        check.start().exception(timeout=60)
