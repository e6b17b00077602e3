"""A checkpoint of the hub: found in the cache, or refused within seconds, while the hub is unreachable."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from inference.engines.i2vgenxl.checkpoint import open_checkpoint, weights_file
from inference.engines.i2vgenxl.options import I2VGenXLOptions
from inference.errors import ModelNotFound
from inference.weights.spec import WeightsSpec
from inference.weights.store import current_store
from tests.support.hub import REPOSITORY, add_to_cache, closing_hub, use_empty_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
    return use_empty_cache(tmp_path / "hub", monkeypatch)


def find() -> Path:
    """Find weights as the engine does."""
    return current_store().find_or_fetch(WeightsSpec(REPOSITORY, I2VGenXLOptions().weights_selection()))


def test_an_unreachable_hub_is_not_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        closing_hub(monkeypatch) as connections,
        pytest.raises(ModelNotFound, match=r"could not be downloaded: .* Check the connection to the hub"),
    ):
        find()
    assert 1 <= len(connections) <= 2  # httpx repeats a request on a connection that was closed


def test_the_reason_is_one_sentence_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match=r"`HF_HUB_OFFLINE` environment variable\. Check the connection"):
        find()


@pytest.fixture
def downloaded(cache: Path, checkpoint: Path) -> Path:
    return add_to_cache(cache, checkpoint)


def test_an_earlier_download_is_used_while_the_hub_is_unreachable(downloaded: Path) -> None:
    assert open_checkpoint(find(), half=False).folder == downloaded


def test_a_download_that_broke_off_names_the_hub(downloaded: Path) -> None:
    (downloaded / weights_file("unet", None)).unlink()
    with pytest.raises(ModelNotFound, match="could not be downloaded: "):
        find()
