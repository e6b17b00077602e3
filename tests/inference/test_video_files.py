"""Conversions of a video file: a GIF with the same frames, and a sprite sheet."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.encoding import probe, write_gif, write_mp4
from inference.errors import EncodingError
from inference.video_files import SpriteSheet, VideoFile, read_frame, video_to_gif, video_to_sprite_sheet

COLORS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (40, 200, 200)]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of five frames, each of one color."""
    path = tmp_path / "video.mp4"
    write_mp4(np.stack([np.full((48, 96, 3), color, np.uint8) for color in COLORS]), 8, path)
    return path


def test_a_gif_has_the_size_frame_count_and_rate_of_the_video(video: Path, tmp_path: Path) -> None:
    gif = tmp_path / "video.gif"
    video_to_gif(video, 8, gif)
    info = probe(gif)
    assert (info.width, info.height, info.num_frames, info.codec) == (96, 48, 5, "gif")
    assert info.duration_seconds == pytest.approx(5 / 8, abs=0.02)
    assert info.fps == pytest.approx(Fraction(8), rel=0.05)
    with Image.open(gif) as image:
        for number, color in enumerate(COLORS):
            image.seek(number)
            found = np.asarray(image.convert("RGB")).reshape(-1, 3).mean(axis=0)
            assert np.abs(found - color).max() < 12, number


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_each_frame_alone_has_the_same_pixels(suffix: str, tmp_path: Path) -> None:
    """Several key frames, of which the one before the frame is the start."""
    path = tmp_path / f"long.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (300, 16, 16, 3), np.uint8)
    (write_gif if suffix == "gif" else write_mp4)(noise, 24, path)
    frames = list(VideoFile(path))
    for number in (0, 1, 100, 249, 250, 251, 298, 299):
        assert np.array_equal(read_frame(path, number), frames[number]), number
    with pytest.raises(EncodingError, match="no frame 300"):
        read_frame(path, 300)


def test_the_gif_of_a_long_video_is_smaller(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.video_files.MAX_GIF_PIXELS", 5 * 48 * 24)
    gif = tmp_path / "video.gif"
    video_to_gif(video, 8, gif)
    info = probe(gif)
    assert (info.width, info.height, info.num_frames) == (48, 24, 5)


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_a_sprite_sheet_shows_all_frames_row_by_row(suffix: str, video: Path, tmp_path: Path) -> None:
    if suffix == "gif":
        video_to_gif(video, 8, video.with_suffix(".gif"))
    sheet = SpriteSheet.of(width=96, height=48, num_frames=5)
    assert (sheet.tile_width, sheet.tile_height, sheet.columns, sheet.rows) == (96, 48, 3, 2)
    path = tmp_path / "sheet.jpg"
    video_to_sprite_sheet(video.with_suffix(f".{suffix}"), sheet, path)
    with Image.open(path) as image:
        assert (image.format, image.size) == ("JPEG", (3 * 96, 2 * 48))
        pixels = np.asarray(image)
    for number, color in enumerate([*COLORS, (0, 0, 0)]):
        left, top = sheet.tile_position(number)
        found = pixels[top + 8 : top + 40, left + 8 : left + 88].reshape(-1, 3).mean(axis=0)
        assert np.abs(found - color).max() < 12, number


@pytest.mark.parametrize(
    ("size", "num_frames", "expected"),
    [
        ((512, 512), 16, (256, 256, 4, 4)),
        ((1024, 576), 32, (256, 144, 6, 6)),
        ((64, 512), 8, (32, 256, 3, 3)),
        ((200, 100), 1, (200, 100, 1, 1)),
        ((4096, 8), 2, (256, 1, 2, 1)),
    ],
)
def test_the_layout_of_a_sprite_sheet(size: tuple[int, int], num_frames: int, expected: tuple[int, ...]) -> None:
    sheet = SpriteSheet.of(width=size[0], height=size[1], num_frames=num_frames)
    assert (sheet.tile_width, sheet.tile_height, sheet.columns, sheet.rows) == expected


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "garbage"])
def test_a_broken_video_leaves_no_partial_file(damage: str, video: Path, tmp_path: Path) -> None:
    whole = video.read_bytes()
    video.write_bytes({"truncated": whole[:300], "text": b"<html>", "empty": b"", "garbage": whole[:8] * 9}[damage])
    conversions: list[Callable[[Path], None]] = [
        lambda path: video_to_gif(video, 8, path),
        lambda path: video_to_sprite_sheet(video, SpriteSheet.of(width=96, height=48, num_frames=5), path),
    ]
    for convert in conversions:
        path = tmp_path / "output"
        with pytest.raises(EncodingError):
            convert(path)
        assert not path.exists()


def test_an_error_in_the_middle_of_a_video_leaves_no_file(tmp_path: Path) -> None:
    class BrokenFrames:
        def __iter__(self) -> Iterator[NDArray[np.uint8]]:
            yield np.zeros((16, 16, 3), np.uint8)
            raise EncodingError("%(file)s could not be read: %(reason)s.", {"file": "video.mp4", "reason": "damage"})

    with pytest.raises(EncodingError):
        write_gif(BrokenFrames(), 8, tmp_path / "video.gif")
    assert list(tmp_path.iterdir()) == []
