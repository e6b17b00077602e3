"""Written files have the right size, frame count and rate, in a format that browsers play."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image

from inference.encoding import probe, write_gif, write_mp4, write_poster
from inference.errors import EncodingError


def moving_bar(num_frames: int = 8, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Frames with a bright bar that moves over a gradient."""
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    frames[:] = np.linspace(30, 200, width).astype(np.uint8)[None, None, :, None]
    for number, frame in enumerate(frames):
        left = number * (width - 8) // max(num_frames - 1, 1)
        frame[:, left : left + 8] = (250, 60, 40)
    return frames


@pytest.mark.parametrize("fps", [4, 7, 8, 24])
@pytest.mark.parametrize("num_frames", [1, 8, 32])
def test_mp4_has_the_size_count_and_rate(tmp_path: Path, fps: int, num_frames: int) -> None:
    path = tmp_path / "video.mp4"
    write_mp4(moving_bar(num_frames), fps, path)
    info = probe(path)
    assert (info.width, info.height, info.num_frames, info.fps) == (64, 48, num_frames, Fraction(fps))
    assert info.duration_seconds == pytest.approx(num_frames / fps, abs=0.01)
    assert (info.codec, info.pixel_format) == ("h264", "yuv420p")


def test_mp4_starts_with_its_index(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    write_mp4(moving_bar(), 8, path)
    data = path.read_bytes()
    assert data[4:8] == b"ftyp"
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize(("height", "width"), [(47, 63), (47, 64), (48, 63), (9, 9)])
def test_odd_sides_become_even_by_repeating_one_line(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "video.mp4"
    frames = moving_bar(4, height, width)
    write_mp4(frames, 8, path)
    info = probe(path)
    assert (info.height, info.width) == (height + height % 2, width + width % 2)
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(first[:height, :width].astype(int) - frames[0]).mean() < 12


def test_colors_are_preserved(tmp_path: Path) -> None:
    """A wrong matrix or range shows in saturated colors: BT.601 instead of BT.709 shifts them by about 20 levels."""
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128)]
    path = tmp_path / "video.mp4"
    write_mp4(np.stack([np.full((64, 64, 3), color, np.uint8) for color in colors]), 8, path)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        for frame, color in zip(container.decode(video=0), colors, strict=True):
            shown = frame.to_ndarray(format="rgb24")[32, 32].astype(int)
            assert np.abs(shown - color).max() <= 6


def test_frames_may_be_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", moving_bar())
    mapped = np.load(tmp_path / "frames.npy", mmap_mode="r")
    write_mp4(mapped, 8, tmp_path / "video.mp4")
    write_gif(mapped, 8, tmp_path / "video.gif")
    assert probe(tmp_path / "video.mp4").num_frames == probe(tmp_path / "video.gif").num_frames == 8


@pytest.mark.parametrize(("fps", "height"), [(4, 48), (8, 47), (24, 48)])
def test_gif_has_frames_delays_and_loops(tmp_path: Path, fps: int, height: int) -> None:
    path, frames = tmp_path / "video.gif", moving_bar(12, height)
    write_gif(frames, fps, path)
    with Image.open(path) as image:
        assert image.size == (64, height)
        assert isinstance(image, GifImagePlugin.GifImageFile)
        assert image.n_frames == 12
        assert image.info["loop"] == 0
        delays = []
        for number in range(12):
            image.seek(number)
            delays.append(image.info["duration"])
            shown = np.asarray(image.convert("RGB")).astype(int)
            assert np.abs(shown - frames[number]).mean() < 8
    assert sum(delays) == pytest.approx(12_000 / fps, abs=15)
    assert max(delays) - min(delays) <= 10


def test_poster(tmp_path: Path) -> None:
    write_poster(moving_bar()[0], tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (64, 48), "RGB")


def test_errors_name_the_file_and_no_partial_file_remains(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match=r"video\.mp4 could not be written"):
        write_mp4(moving_bar(), 8, tmp_path / "nowhere" / "video.mp4")
    with pytest.raises(EncodingError, match="could not be written"):
        write_mp4(np.zeros((2, 16, 16, 4), np.uint8), 8, tmp_path / "video.mp4")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(EncodingError, match=r"text\.mp4 could not be read"):
        probe(tmp_path / "text.mp4")


@pytest.mark.parametrize("name", ["video.mp4", "video.gif", "poster.jpg"])
def test_a_full_disk_raises_oserror(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.symlink_to("/dev/full")
    frames = np.random.default_rng(1).integers(0, 256, (8, 128, 128, 3), np.uint8)
    with pytest.raises(OSError, match="No space left"):
        match path.suffix:
            case ".mp4":
                write_mp4(frames, 8, path)
            case ".gif":
                write_gif(frames, 8, path)
            case _:
                write_poster(frames[0], path)
    assert not path.is_symlink()
    assert Path("/dev/full").exists()
