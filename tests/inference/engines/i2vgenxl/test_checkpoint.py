"""A checkpoint of the hub: found in the cache, or refused within seconds, while the hub is unreachable."""

import shutil
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from inference.engines.i2vgenxl.checkpoint import INDEX, find_checkpoint
from inference.errors import ModelNotFound
from tests.support.ports import own_port

REPOSITORY = "someone/a-model"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that refuses connections."""
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{own_port()}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path / f"models--{REPOSITORY.replace('/', '--')}"


def test_an_unreachable_hub_is_named_within_seconds() -> None:
    started = time.monotonic()
    with pytest.raises(ModelNotFound, match=r"could not be downloaded: .* Check the connection to the hub"):
        find_checkpoint(REPOSITORY, half=False)
    assert time.monotonic() - started < 15


def test_an_earlier_download_is_used_while_the_hub_is_unreachable(cache: Path, checkpoint: Path) -> None:
    snapshot = cache / "snapshots" / ("0" * 40)
    shutil.copytree(checkpoint, snapshot)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0" * 40)
    assert (find_checkpoint(REPOSITORY, half=False).folder / INDEX).is_file()
