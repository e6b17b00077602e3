"""Fixtures: a store in an empty folder that fetches from the hub of the tests, and what a model reads."""

from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from inference.weights.selection import WeightsSelection
from inference.weights.spec import WeightsSpec
from inference.weights.store import WeightsStore
from tests.support.hub_server import REPOSITORY, HubServer

PIPELINES = ("WanImageToVideoPipeline", "WanPipeline")


@pytest.fixture(autouse=True)
def _no_other_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's cache is empty, and no proxy is asked for servers of this machine."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    close_session()  # the next client reads the environment again


@pytest.fixture
def store(tmp_path: Path, hub: HubServer) -> WeightsStore:
    return WeightsStore(tmp_path / "models", hub.url)


@pytest.fixture
def spec() -> WeightsSpec:
    return WeightsSpec(REPOSITORY, WeightsSelection(PIPELINES))
