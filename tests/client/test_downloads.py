"""Downloads: all variants, over dropped connections, and to paths that cannot be written."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mutoscope import AsyncMutoscope, ConnectionFailed, FileError, Mutoscope, Video
from tests.client.conftest import CAT, SMALL
from tests.client.faulty_proxy import FaultyProxy
from tests.support.web_processes import LiveProcess

MAGIC = {"video": b"ftyp", "gif": b"GIF8", "thumbnail": b"\xff\xd8", "spritesheet": b"\xff\xd8"}


@pytest.fixture(scope="module")
def _live(module_live_process: Callable[..., LiveProcess]) -> LiveProcess:
    return module_live_process()


@pytest.fixture
def live(transactional_db: None, _live: LiveProcess) -> LiveProcess:
    return _live


@pytest.fixture
def completed_video(live: LiveProcess, key: str, start_worker: Callable[..., object]) -> Video:
    start_worker()
    with Mutoscope(live.url, key) as client:
        return client.generate(CAT, "the camera pans left", timeout=120, **SMALL)


def test_all_variants_and_dropped_connections(
    completed_video: Video, live: LiveProcess, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mutoscope.retries._INITIAL_BACKOFF_SECONDS", 0.01)
    with Mutoscope(live.url, key) as client:
        for variant, magic in MAGIC.items():
            assert magic in client.download(completed_video, tmp_path / variant, variant=variant).read_bytes()[:8]
    sheet = (tmp_path / "spritesheet").read_bytes()
    with FaultyProxy(live.port, drop_after_bytes=8192) as proxy, Mutoscope(proxy.url, key) as client:
        progress: list[tuple[int, int | None]] = []
        path = client.videos.download(
            completed_video,
            tmp_path / "again",
            variant="spritesheet",
            on_bytes=lambda received, total: progress.append((received, total)),
        )
        assert path.read_bytes() == sheet
        assert proxy.drops >= 2
        assert any(b"\r\nrange: bytes=" in request.lower() for request in proxy.requests)
        assert progress[-1] == (len(sheet), len(sheet))
        # A download that starts again from the first byte would decrease the count.
        assert [received for received, _ in progress] == sorted(received for received, _ in progress)

    async def download() -> bytes:
        with FaultyProxy(live.port, drop_after_bytes=8192) as proxy:
            async with AsyncMutoscope(proxy.url, key) as client:
                path = await client.download(completed_video, tmp_path / "third", variant="spritesheet")
                return path.read_bytes()

    assert asyncio.run(download()) == sheet


def test_failed_download_leaves_no_file(
    completed_video: Video, live: LiveProcess, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mutoscope.retries._INITIAL_BACKOFF_SECONDS", 0.01)
    with (
        FaultyProxy(live.port, drop_after_bytes=1) as proxy,
        Mutoscope(proxy.url, key, max_retries=2) as client,
        pytest.raises(ConnectionFailed),
    ):
        client.download(completed_video, tmp_path / "cat.mp4")
    assert list(tmp_path.glob("*cat*")) == []


def test_paths_that_cannot_be_written(completed_video: Video, live: LiveProcess, key: str, tmp_path: Path) -> None:
    with Mutoscope(live.url, key) as client:
        with pytest.raises(FileError, match="No space left"):
            client.download(completed_video, "/dev/full")
        assert Path("/dev/full").is_char_device()
        with pytest.raises(FileError, match="directory"):
            client.download(completed_video, tmp_path)
        with pytest.raises(FileError, match="No such file"):
            client.download(completed_video, tmp_path / "nowhere" / "cat.mp4")
        (tmp_path / "old.mp4").write_text("old")
        client.download(completed_video, tmp_path / "old.mp4")
    assert (tmp_path / "old.mp4").read_bytes()[4:8] == b"ftyp"
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "old.mp4").stat().st_mode & 0o777 == 0o666 & ~umask
