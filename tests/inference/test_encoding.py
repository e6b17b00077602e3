"""Written files have the right size, frame count and rate, in a format that browsers play."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image

from inference.audio import Audio
from inference.encoding import FrameSource, probe, write_gif, write_mp4, write_poster
from inference.errors import EncodingError
from inference.frames_file import FramesFile
from tests.support.memory import PeakMemory


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


def test_frames_may_be_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", moving_bar())
    file = FramesFile(tmp_path / "frames.npy")
    write_mp4(file, 8, tmp_path / "video.mp4")
    write_gif(file, 8, tmp_path / "video.gif")
    assert probe(tmp_path / "video.mp4").num_frames == probe(tmp_path / "video.gif").num_frames == 8


class OneFrameAtATime:
    """A video of many frames. Frees each frame before the next one is made."""

    def __init__(self, num_frames: int, height: int, width: int) -> None:
        self._num_frames, self._shape = num_frames, (height, width, 3)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for number in range(self._num_frames):
            yield np.full(self._shape, number % 256, np.uint8)


@pytest.mark.parametrize("write", [write_mp4, write_gif])
def test_the_memory_does_not_grow_with_the_number_of_frames(
    tmp_path: Path, write: Callable[[FrameSource, int, Path], None]
) -> None:
    """300 frames are 69 MB. The encoder itself holds about 50 of them, with half the bytes."""
    write(OneFrameAtATime(60, 240, 320), 24, tmp_path / "warm-up")
    peak = PeakMemory()
    write(OneFrameAtATime(300, 240, 320), 24, tmp_path / "video")
    assert peak.growth_mb() < 40


def beep(rate: int, channels: int, start: float, end: float, length: float) -> Audio:
    """Silence with a tone between two times, in seconds."""
    seconds = np.arange(round(length * rate)) / rate
    tone = np.where((seconds >= start) & (seconds < end), 0.5 * np.sin(2 * np.pi * 1000 * seconds), 0)
    return Audio(np.repeat(tone[None], channels, axis=0).astype(np.float32), rate)


def heard(path: Path) -> NDArray[np.float32]:
    """Return the first channel of the sound."""
    with av.open(str(path)) as container:
        assert container.streams.audio[0].rate == 48_000
        assert container.streams.audio[0].codec_context.name == "aac"
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


@pytest.mark.parametrize(
    ("rate", "channels", "fps", "num_frames"), [(24_000, 2, 24, 49), (44_100, 1, 7, 9), (48_000, 2, 4, 8)]
)
@pytest.mark.parametrize("length", [0.9, 1.0, 1.5])
def test_sound_is_in_sync_and_as_long_as_the_frames(
    tmp_path: Path, rate: int, channels: int, fps: int, num_frames: int, length: float
) -> None:
    path, duration, start = tmp_path / "video.mp4", num_frames / fps, (num_frames // 2) / fps
    audio = beep(rate, channels, start, start + 1 / fps, duration * length)
    write_mp4(moving_bar(num_frames), fps, path, audio)
    info = probe(path)
    assert info.num_frames == num_frames
    assert info.duration_seconds == pytest.approx(duration, abs=0.01)
    sound = heard(path)
    assert len(sound) / 48_000 == pytest.approx(duration, abs=1024 / 48_000)
    loud = np.flatnonzero(np.abs(sound) > 0.1) / 48_000
    assert (loud[0], loud[-1]) == (pytest.approx(start, abs=0.01), pytest.approx(start + 1 / fps, abs=0.01))


def test_sound_that_is_no_sound_is_silence(tmp_path: Path) -> None:
    samples = np.full((2, 24_000), np.nan, np.float32)
    write_mp4(moving_bar(), 8, tmp_path / "nan.mp4", Audio(samples, 24_000))
    assert np.abs(heard(tmp_path / "nan.mp4")).max() < 0.01
    write_mp4(moving_bar(), 8, tmp_path / "none.mp4", Audio(samples[:, :0], 24_000))
    assert np.abs(heard(tmp_path / "none.mp4")).max() < 0.01
    write_mp4(moving_bar(), 8, tmp_path / "loud.mp4", Audio(np.full_like(samples, 50), 24_000))
    assert np.abs(heard(tmp_path / "loud.mp4")).max() < 2


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
