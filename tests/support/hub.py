"""A hub of models that cannot be reached, and what an earlier download left in its cache."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import close_session, constants
from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache

from tests.support.ports import own_port

REPOSITORY = "someone/a-model"
COMMIT = "0" * 40


def use_empty_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a cache in this folder, and a hub that refuses connections. Returns the place of REPOSITORY in the cache.

    The hub counts as reachable, whatever the environment says of offline use and proxies.
    """
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    close_session()  # the next client reads the environment again
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{own_port()}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder / f"models--{REPOSITORY.replace('/', '--')}"


def add_to_cache(cache: Path, checkpoint: Path) -> Path:
    """Put a checkpoint into the cache of `use_empty_cache` as a download, and return its folder.

    The hub's README is missing there: only files that are read are downloaded.
    """
    snapshot = cache / "snapshots" / COMMIT
    shutil.copytree(checkpoint, snapshot)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(COMMIT)
    files = [*(path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()), "README.md"]
    write_tree_cache(str(cache), COMMIT, {name: TreeCacheEntry(size=1, blob_id="0") for name in files})
    assert (cache / "trees").is_dir()
    return snapshot


@contextmanager
def closing_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Run a hub that closes each connection; yields a list with an item for each."""
    connections: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")

        def close() -> None:
            with suppress(OSError):  # until the server is shut down
                while True:
                    server.accept()[0].close()
                    connections.append(1)

        thread = Thread(target=close)
        thread.start()
        try:
            yield connections
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
