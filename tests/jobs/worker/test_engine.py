"""The handle of the engine process: what it knows about the model, and when it starts another process."""

import socket
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from structlog.testing import capture_logs

from inference.models.catalogue import MODELS
from jobs.worker.engine import EngineExit, EngineProcess
from jobs.worker.weights import weights_store
from tests.support.workers import wait_until

pytestmark = pytest.mark.process


@pytest.fixture
def receive(engine: EngineProcess) -> Iterator[Callable[[], list[object]]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield lambda: list(engine.receive(timeout_seconds=0.2, wakeup_socket=ours))


@pytest.fixture
def source() -> str | None:
    return None


@pytest.fixture
def engine(source: str | None) -> Iterator[EngineProcess]:
    model = MODELS["i2vgen-xl-tiny" if source else "scripted"]
    process = EngineProcess(
        model=model, device="cpu", source=source, store=weights_store(), configure_logs=settings.CONFIGURE_LOGGING
    )
    yield process
    process.stop()


def test_a_loaded_engine_that_dies_is_started_again_at_once(
    engine: EngineProcess, receive: Callable[[], list[object]]
) -> None:
    for _ in range(2):
        engine.ensure_started()
        wait_until(lambda: receive() == [] and engine.is_ready)
        assert engine.error is None
        pid = engine.pid
        engine.ensure_started()
        assert engine.pid == pid
        engine.kill_callback()()
        assert wait_until(receive) == [EngineExit()]
        assert (engine.is_ready, engine.error, engine.pid) == (False, None, None)


def test_an_engine_that_is_stopped_is_not_ready(engine: EngineProcess, receive: Callable[[], list[object]]) -> None:
    engine.ensure_started()
    wait_until(lambda: receive() == [] and engine.is_ready)
    engine.stop()
    assert (engine.is_ready, engine.pid, receive()) == (False, None, [])


@pytest.mark.parametrize("source", ["/nonexistent"])
def test_a_model_that_cannot_be_loaded_is_not_loaded_again_at_once(
    engine: EngineProcess, receive: Callable[[], list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_max_reload_delay_seconds", float("inf"))
    monkeypatch.setattr(engine, "_failed_loads", 10)
    engine.ensure_started()
    with capture_logs() as logs:
        assert wait_until(receive) == [EngineExit()]
    assert "neither a folder" in str(engine.error)
    assert logs[0]["model"] == "i2vgen-xl-tiny"
    engine.ensure_started()
    assert (engine.is_ready, engine.pid) == (False, None)
