"""The sound of a video."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Audio:
    """Samples (channels, num_samples) in -1..1, played at `sample_rate` samples per second from the first frame on.

    There are one or two channels.
    """

    samples: NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or len(self.samples) not in {1, 2}:
            raise ValueError(f"samples of the shape {self.samples.shape} instead of (1 or 2, num_samples)")


def save_audio(audio: Audio, path: Path) -> None:
    """Write the sound as NumPy arrays (.npz). Raises OSError."""
    np.savez(path, samples=audio.samples, sample_rate=audio.sample_rate)


def load_audio(path: Path) -> Audio | None:
    """Read what `save_audio` wrote; None if there is no such file."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return Audio(arrays["samples"], int(arrays["sample_rate"]))
