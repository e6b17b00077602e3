"""Joined files: the frames of the first video are unchanged, and the others follow without the first of them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.audio import Audio
from inference.encoding import AUDIO_RATE, H264_OPTIONS, probe, write_gif, write_mp4
from inference.joining import join_gif, join_mp4
from inference.provenance import XMP_PACKET
from inference.video_files import VideoFile, read_audio, read_frame

FPS = 8


def moving(count: int, start: int = 0) -> NDArray[np.uint8]:
    """Return frames with more colors than the palette of a GIF."""
    rows, columns = np.mgrid[0:48, 0:64]
    shades = [np.stack([rows * 5 + n, columns * 4 + 3 * n, rows + columns + 7 * n], -1) for n in range(count + start)]
    return np.stack(shades[start:]).astype(np.uint8)


def frames_of(path: Path) -> list[NDArray[np.uint8]]:
    return list(VideoFile(path))


@pytest.mark.parametrize("options", [{}, {"preset": "ultrafast"}, {"bf": "0"}])
def test_an_mp4_is_extended_twice(options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the first file has the parameter sets of another encoder."""
    video, rest = tmp_path / "0.mp4", tmp_path / "rest.mp4"
    with monkeypatch.context() as patch:
        for name, value in options.items():
            patch.setitem(H264_OPTIONS, name, value)
        write_mp4(moving(9), FPS, video)
    expected = frames_of(video)
    for number in (1, 2):
        joined, continuation = tmp_path / f"{number}.mp4", moving(8, 30 * number)
        assert join_mp4(video, continuation, FPS, joined) is False
        write_mp4(continuation[1:], FPS, rest)
        expected += frames_of(rest)
        check(joined, expected)
        assert sorted(path.name for path in tmp_path.glob("*.part.*")) == []
        video = joined


def test_a_gif_is_extended_twice(tmp_path: Path) -> None:
    video, rest = tmp_path / "0.gif", tmp_path / "rest.gif"
    write_gif(moving(5), FPS, video)
    expected = frames_of(video)
    for number in (1, 2):
        joined, continuation = tmp_path / f"{number}.gif", moving(4, 30 * number)
        join_gif(video, continuation, FPS, joined)
        write_gif(continuation[1:], FPS, rest)
        expected += frames_of(rest)
        check(joined, expected)
        video = joined


def check(joined: Path, expected: list[NDArray[np.uint8]]) -> None:
    found = frames_of(joined)
    assert len(found) == len(expected)
    assert all(map(np.array_equal, found, expected))
    assert np.array_equal(read_frame(joined, len(found) - 1), found[-1])
    info = probe(joined)
    assert info.fps == pytest.approx(Fraction(FPS), rel=0.05)
    assert info.duration_seconds == pytest.approx(len(found) / FPS, abs=0.02)
    assert XMP_PACKET in joined.read_bytes()


@pytest.mark.parametrize("has_sound", [(True, True), (True, False), (False, True)])
def test_the_sound_changes_with_the_frames(has_sound: tuple[bool, bool], tmp_path: Path) -> None:
    def tone(hertz: int, seconds: float, rate: int) -> Audio:
        times = np.arange(int(seconds * rate)) / rate
        samples: NDArray[np.float32] = np.float32(0.5) * np.sin(2 * np.pi * hertz * times)[None].astype(np.float32)
        return Audio(samples, rate)

    video, joined = tmp_path / "0.mp4", tmp_path / "1.mp4"
    write_mp4(moving(8), FPS, video, tone(440, 1, 16_000) if has_sound[0] else None)
    continuation_audio = tone(880, 9 / FPS, 24_000) if has_sound[1] else None
    assert join_mp4(video, moving(9), FPS, joined, continuation_audio) is True
    sound = read_audio(joined, max_seconds=2)
    assert sound is not None
    parts = [sound.samples[0][int(start * AUDIO_RATE) : int((start + 0.8) * AUDIO_RATE)] for start in (0.1, 1.1)]
    for part, hertz, is_heard in zip(parts, (440, 880), has_sound, strict=True):
        spectrum = np.abs(np.fft.rfft(part))
        assert np.abs(part).max() == pytest.approx(0.5 if is_heard else 0, abs=0.05)
        assert not is_heard or np.argmax(spectrum) / 0.8 == pytest.approx(hertz, abs=2)
