"""Frames between an engine and an encoder: what is written is read, and no file is incomplete."""

from pathlib import Path

import numpy as np
import pytest

from inference.frames_file import Frames, FramesFile, FramesWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "frames.npy"


def noise(num_frames: int, height: int = 4, width: int = 6) -> Frames:
    return np.random.default_rng(num_frames).integers(0, 256, (num_frames, height, width, 3), np.uint8)


def test_chunks_of_any_size_become_the_frames_of_one_file(path: Path) -> None:
    frames = noise(7)
    with FramesWriter(path, num_frames=7, height=4, width=6) as writer:
        for chunk in (frames[:1], frames[1:5], np.asfortranarray(frames[5:])):
            assert not path.exists()
            writer.write(chunk)
        writer.finish()
    file = FramesFile(path)
    assert len(file) == 7
    for _ in range(2):
        np.testing.assert_array_equal([*file], frames)
    np.testing.assert_array_equal(np.load(path), frames)


@pytest.mark.parametrize("chunk", [noise(7, height=5), noise(7).astype(np.float32), noise(6), noise(8)])
def test_other_frames_than_those_of_the_video_leave_no_file(path: Path, chunk: Frames) -> None:
    with FramesWriter(path, num_frames=7, height=4, width=6) as writer, pytest.raises(ValueError, match="frames"):
        writer.write(chunk)
        writer.finish()
    assert [*path.parent.iterdir()] == []


def test_a_file_that_was_cut_off_is_not_read_to_its_end(path: Path) -> None:
    with FramesWriter(path, num_frames=7, height=4, width=6) as writer:
        writer.write(noise(7))
        writer.finish()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    with pytest.raises(ValueError, match="reshape"):
        [*FramesFile(path)]
