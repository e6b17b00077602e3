"""Files that are fetched: all variants, over lines that break, onto disks that are full."""

import asyncio
import os
from pathlib import Path

import pytest

from mutoscope import AsyncMutoscope, ConnectionFailed, FileError, Mutoscope
from tests.client.faulty_proxy import FaultyProxy
from tests.client.test_client import CAT, SMALL

MAGIC = {"video": b"ftyp", "gif": b"GIF8", "thumbnail": b"\xff\xd8", "spritesheet": b"\xff\xd8"}


@pytest.fixture
def live(live_process):
    return live_process()


@pytest.fixture
def made(live, key, start_worker):
    start_worker()
    with Mutoscope(live.url, key) as client:
        return client.generate(CAT, "the camera pans left", timeout=120, **SMALL)


def test_every_variant_whole_and_through_a_broken_line(made, live, key, tmp_path, monkeypatch):
    monkeypatch.setattr("mutoscope.retries._INITIAL_BACKOFF_SECONDS", 0.01)
    with Mutoscope(live.url, key) as client:
        for variant, magic in MAGIC.items():
            assert magic in client.download(made, tmp_path / variant, variant=variant).read_bytes()[:8]
    sheet = (tmp_path / "spritesheet").read_bytes()
    with FaultyProxy(live.port, cut_after=8192) as relay, Mutoscope(relay.url, key) as client:
        seen = []
        path = client.videos.download(
            made, tmp_path / "again", variant="spritesheet", on_bytes=lambda *bytes_: seen.append(bytes_)
        )
        assert path.read_bytes() == sheet
        assert relay.cuts >= 2
        assert any(b"\r\nrange: bytes=" in request.lower() for request in relay.requests)
        assert seen[-1] == (len(sheet), len(sheet))
        # What came before the cut was kept: the count never falls.
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    async def fetch() -> bytes:
        with FaultyProxy(live.port, cut_after=8192) as relay:
            async with AsyncMutoscope(relay.url, key) as client:
                return (await client.download(made, tmp_path / "third", variant="spritesheet")).read_bytes()

    assert asyncio.run(fetch()) == sheet


def test_a_line_that_gives_nothing_leaves_nothing(made, live, key, tmp_path, monkeypatch):
    monkeypatch.setattr("mutoscope.retries._INITIAL_BACKOFF_SECONDS", 0.01)
    with (
        FaultyProxy(live.port, cut_after=1) as relay,
        Mutoscope(relay.url, key, max_retries=2) as client,
        pytest.raises(ConnectionFailed),
    ):
        client.download(made, tmp_path / "cat.mp4")
    assert list(tmp_path.glob("*cat*")) == []


def test_a_full_disk_and_a_folder_are_told(made, live, key, tmp_path):
    with Mutoscope(live.url, key) as client:
        with pytest.raises(FileError, match="No space left"):
            client.download(made, "/dev/full")
        assert Path("/dev/full").is_char_device()
        with pytest.raises(FileError, match="directory"):
            client.download(made, tmp_path)
        with pytest.raises(FileError, match="No such file"):
            client.download(made, tmp_path / "nowhere" / "cat.mp4")
        (tmp_path / "old.mp4").write_text("old")
        client.download(made, tmp_path / "old.mp4")
    assert (tmp_path / "old.mp4").read_bytes()[4:8] == b"ftyp"
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "old.mp4").stat().st_mode & 0o777 == 0o666 & ~umask
