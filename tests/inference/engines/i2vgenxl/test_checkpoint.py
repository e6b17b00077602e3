"""A checkpoint of the hub: found in the cache, or refused within seconds, while the hub is unreachable."""

import shutil
import socket
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import close_session, constants
from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache

from inference.engines.i2vgenxl.checkpoint import find_checkpoint, weights_file
from inference.errors import ModelNotFound
from tests.support.ports import own_port

REPOSITORY = "someone/a-model"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that refuses connections, whatever the environment says of offline use and proxies."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    close_session()  # the next client reads the environment again
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{own_port()}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path / f"models--{REPOSITORY.replace('/', '--')}"


def test_an_unreachable_hub_is_not_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        connections = 0

        def refuse() -> None:
            nonlocal connections
            with suppress(OSError):  # until the server is shut down
                while True:
                    server.accept()[0].close()
                    connections += 1

        thread = Thread(target=refuse)
        thread.start()
        try:
            with pytest.raises(ModelNotFound, match=r"could not be downloaded: .* Check the connection to the hub"):
                find_checkpoint(REPOSITORY, half=False)
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert 1 <= connections <= 2  # httpx repeats a request on a connection that was closed


def test_the_reason_is_one_sentence_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match=r"`HF_HUB_OFFLINE` environment variable\. Check the connection"):
        find_checkpoint(REPOSITORY, half=False)


@pytest.fixture
def downloaded(cache: Path, checkpoint: Path) -> Path:
    """An earlier download, in which the hub's README is missing: only files that are read are downloaded."""
    commit = "0" * 40
    snapshot = cache / "snapshots" / commit
    shutil.copytree(checkpoint, snapshot)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    files = [*(path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()), "README.md"]
    write_tree_cache(str(cache), commit, {name: TreeCacheEntry(size=1, blob_id="0") for name in files})
    assert (cache / "trees").is_dir()
    return snapshot


def test_an_earlier_download_is_used_while_the_hub_is_unreachable(downloaded: Path) -> None:
    assert find_checkpoint(REPOSITORY, half=False).folder == downloaded


def test_a_download_that_broke_off_names_the_hub(downloaded: Path) -> None:
    (downloaded / weights_file("unet", None)).unlink()
    with pytest.raises(ModelNotFound, match="could not be downloaded: "):
        find_checkpoint(REPOSITORY, half=False)
