"""A Redis of a test's own, to be killed and frozen."""

import os
import signal
from collections.abc import Iterator

import pytest
from django.conf import settings

from portal.embedded.processes import find_processes_in
from portal.embedded.servers import Valkey


class OwnRedis:
    def __init__(self, server: Valkey) -> None:
        self._server = server
        self.url = server.url
        # Of a process that is to notice when it is away.
        self.variables = {"REDIS_URL": self.url, "REDIS_TIMEOUT_SECONDS": settings.USUAL_REDIS_TIMEOUT_SECONDS}
        server.start()

    def kill(self) -> None:
        """With all its data."""
        os.kill(self._pid, signal.SIGKILL)
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    def freeze(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    @property
    def _pid(self) -> int:
        return next(process.pid for process in find_processes_in(self._server.data, program=self._server.program))


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    server = Valkey(tmp_path_factory.mktemp("v"), durable=False)
    yield OwnRedis(server)
    for process in find_processes_in(server.data, program=server.program):
        process.send_signal(signal.SIGCONT)
    server.stop()


@pytest.fixture(autouse=True)
def all_models(settings) -> None:
    settings.MODELS_ENABLED = ["camera", "scripted", "i2vgen-xl-tiny"]
