"""Sound between an engine and an encoder: what is saved is loaded."""

from pathlib import Path

import numpy as np
import pytest

from inference.audio import Audio, load_audio, save_audio


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, (2, 1000)).astype(np.float32)
    path = tmp_path / "audio.npz"
    assert load_audio(path) is None
    save_audio(Audio(samples, 24_000), path)
    loaded = load_audio(path)
    assert loaded is not None
    assert loaded.sample_rate == 24_000
    np.testing.assert_array_equal(loaded.samples, samples)


@pytest.mark.parametrize("shape", [(100,), (100, 2), (0, 100), (1, 2, 100)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="samples of the shape"):
        Audio(np.zeros(shape, np.float32), 24_000)
