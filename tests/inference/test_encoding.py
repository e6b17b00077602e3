"""Films: right size, count and rate, in the form that browsers play."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from inference.encoding import probe, write_gif, write_mp4, write_poster
from inference.errors import EncodingError


def clip(num_frames: int = 8, height: int = 48, width: int = 64) -> np.ndarray:
    """A bright bar that travels over a gradient."""
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    frames[:] = np.linspace(30, 200, width).astype(np.uint8)[None, None, :, None]
    for number, frame in enumerate(frames):
        left = number * (width - 8) // max(num_frames - 1, 1)
        frame[:, left : left + 8] = (250, 60, 40)
    return frames


@pytest.mark.parametrize("fps", [4, 7, 8, 24])
@pytest.mark.parametrize("num_frames", [1, 8, 32])
def test_mp4_has_the_size_count_and_rate(tmp_path: Path, fps: int, num_frames: int) -> None:
    path = tmp_path / "film.mp4"
    write_mp4(clip(num_frames), fps, path)
    info = probe(path)
    assert (info.width, info.height, info.num_frames, info.fps) == (64, 48, num_frames, Fraction(fps))
    assert info.duration_seconds == pytest.approx(num_frames / fps, abs=0.01)
    assert (info.codec, info.pixel_format) == ("h264", "yuv420p")


def test_mp4_starts_with_its_index(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    write_mp4(clip(), 8, path)
    data = path.read_bytes()
    assert data[4:8] == b"ftyp"
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize(("height", "width"), [(47, 63), (47, 64), (48, 63), (9, 9)])
def test_odd_sizes_become_even_by_one_repeated_line(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "film.mp4"
    frames = clip(4, height, width)
    write_mp4(frames, 8, path)
    info = probe(path)
    assert (info.height, info.width) == (height + height % 2, width + width % 2)
    with av.open(str(path)) as film:
        first = next(film.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(first[:height, :width].astype(int) - frames[0]).mean() < 12


def test_colours_survive(tmp_path: Path) -> None:
    """Wrong matrix or range shows on saturated colours: BT.601 for BT.709 shifts them by some twenty levels."""
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128)]
    path = tmp_path / "film.mp4"
    write_mp4(np.stack([np.full((64, 64, 3), colour, np.uint8) for colour in colours]), 8, path)
    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        for frame, colour in zip(film.decode(video=0), colours, strict=True):
            shown = frame.to_ndarray(format="rgb24")[32, 32].astype(int)
            assert np.abs(shown - colour).max() <= 6


def test_frames_may_be_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", clip())
    mapped = np.load(tmp_path / "frames.npy", mmap_mode="r")
    write_mp4(mapped, 8, tmp_path / "film.mp4")
    write_gif(mapped, 8, tmp_path / "film.gif")
    assert probe(tmp_path / "film.mp4").num_frames == probe(tmp_path / "film.gif").num_frames == 8


@pytest.mark.parametrize(("fps", "height"), [(4, 48), (8, 47), (24, 48)])
def test_gif_has_frames_delays_and_loops(tmp_path: Path, fps: int, height: int) -> None:
    path, frames = tmp_path / "film.gif", clip(12, height)
    write_gif(frames, fps, path)
    with Image.open(path) as image:
        assert image.size == (64, height)
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
    write_poster(clip()[0], tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (64, 48), "RGB")


def test_failures_name_the_file_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match=r"film\.mp4 could not be written"):
        write_mp4(clip(), 8, tmp_path / "nowhere" / "film.mp4")
    with pytest.raises(EncodingError, match="could not be written"):
        write_mp4(np.zeros((2, 16, 16, 4), np.uint8), 8, tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(EncodingError, match=r"text\.mp4 could not be read"):
        probe(tmp_path / "text.mp4")


@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "poster.jpg"])
def test_a_full_disk_is_not_the_frames_fault(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.symlink_to("/dev/full")
    frames = np.random.default_rng(1).integers(0, 256, (8, 128, 128, 3), np.uint8)
    with pytest.raises(OSError, match="No space left"):
        {"mp4": lambda: write_mp4(frames, 8, path), "gif": lambda: write_gif(frames, 8, path)}.get(
            name[-3:], lambda: write_poster(frames[0], path)
        )()
    assert not path.is_symlink()
    assert Path("/dev/full").exists()
