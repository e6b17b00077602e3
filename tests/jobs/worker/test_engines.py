"""The engine processes of a worker with several models."""

import socket
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
from django.conf import settings

from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from jobs.worker.engine import EngineExit
from jobs.worker.engines import Engines
from jobs.worker.weights import weights_store
from tests.support.workers import wait_until

pytestmark = pytest.mark.process

SCRIPTED = MODELS["scripted"]
OTHER = SCRIPTED.model_copy(update={"name": "other"})
BROKEN = SCRIPTED.model_copy(update={"name": "broken", "weights": "load=never"})


@pytest.fixture
def start() -> Iterator[Callable[..., Engines]]:
    started: list[Engines] = []

    def make(*models: ModelDescriptor, idle_unload_seconds: float | None = None) -> Engines:
        engines = Engines(
            models,
            device="cpu",
            source=None,
            store=weights_store(),
            configure_logs=settings.CONFIGURE_LOGGING,
            idle_unload_seconds=idle_unload_seconds,
        )
        started.append(engines)
        engines.ensure_started()
        return engines

    yield make
    for engines in started:
        engines.stop()


def receive(engines: Engines) -> list[object]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        return list(engines.receive(timeout_seconds=0.1, wakeup_socket=ours))


def wait_until_loaded(engines: Engines) -> int:
    """Return the process id of the engine."""
    wait_until(lambda: receive(engines) == [] and not engines.is_loading)
    assert engines.current is not None
    assert engines.current.pid is not None
    return engines.current.pid


def test_one_model_at_a_time_is_loaded_and_an_idle_one_is_unloaded(start: Callable[..., Engines]) -> None:
    engines = start(SCRIPTED, OTHER, idle_unload_seconds=0.2)
    assert (engines.columns()["model"], engines.columns()["loading_model"]) == ("", "scripted")
    first = wait_until_loaded(engines)
    engines.load("other")
    assert not psutil.pid_exists(first)  # it has exited, so that its memory is free, before the other one loads
    assert (engines.columns()["loading_model"], engines.residency.model) == ("other", None)
    second = wait_until_loaded(engines)
    columns = engines.columns()
    assert (columns["model"], columns["loading_model"], engines.residency.model) == ("other", "", "other")
    assert [facts["load_seconds"] > 0 for facts in columns["installed_models"].values()] == [True, True]
    time.sleep(0.3)
    engines.unload_if_idle(is_busy=True)
    assert psutil.pid_exists(second)
    engines.unload_if_idle(is_busy=False)
    assert engines.current is not None  # it has just been used
    time.sleep(0.3)
    engines.unload_if_idle(is_busy=False)
    assert not psutil.pid_exists(second)
    engines.ensure_started()
    assert (engines.columns()["model"], engines.residency.model, engines.is_loading) == ("", None, False)
    assert engines.available == ["scripted", "other"]


def test_a_model_that_cannot_be_loaded_does_not_stop_the_others(start: Callable[..., Engines]) -> None:
    engines = start(BROKEN, SCRIPTED)
    assert EngineExit() in wait_until(lambda: receive(engines))
    assert (engines.current, engines.is_loading, engines.error) == (None, False, None)
    assert engines.available == ["scripted"]
    error = engines.columns()["installed_models"]["broken"]["error"]
    assert error["template"] == "The model could not be loaded: %(reason)s"
    engines.load("scripted")
    wait_until_loaded(engines)
    wait_until(lambda: engines.available == ["broken", "scripted"], 10)  # it is tried again after a delay
    engines.load("broken")
    wait_until(lambda: receive(engines) and engines.current is None)
    assert engines.residency.model is None
