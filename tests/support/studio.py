"""The model `studio`, which an upstream server has, and workers for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.models.catalogue import MODELS
from inference.models.files import read_models_file
from tests.support.upstream_server import UpstreamServer
from tests.support.workers import WorkerProcess


@pytest.fixture
def stopped_studio_server(tmp_path: Path) -> Iterator[UpstreamServer]:
    """The server of the model `studio`, which a test may start."""
    server = UpstreamServer(tmp_path / "studio", "vllm-omni")
    yield server
    server.kill()


@pytest.fixture
def studio_server(stopped_studio_server: UpstreamServer) -> UpstreamServer:
    stopped_studio_server.start()
    return stopped_studio_server


@pytest.fixture
def offer_studio(
    stopped_studio_server: UpstreamServer, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Offer the model `studio`, and return its MODELS_FILE."""

    def offer(*, concurrency: int = 1) -> Path:
        stopped_studio_server.concurrency = concurrency
        file = tmp_path / "models.toml"
        file.write_text(stopped_studio_server.table)
        monkeypatch.setitem(MODELS, "studio", read_models_file(str(file))["studio"])
        settings.MODELS_ENABLED = ["camera", "studio"]
        return file

    return offer


@pytest.fixture
def start_studio(
    offer_studio: Callable[..., Path], start_worker: Callable[..., WorkerProcess]
) -> Callable[..., WorkerProcess]:
    """Start workers of the model `studio`; keywords are environment variables."""

    def start(*, concurrency: int = 1, **variables: Any) -> WorkerProcess:
        file = offer_studio(concurrency=concurrency)
        return start_worker("--model", "studio", MODELS_FILE=str(file), **variables)

    return start
