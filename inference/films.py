"""A film file's frames again, and what is made of them: a GIF, a sheet of all frames.

Decoded one frame at a time, as often as they are gone through: a clip's frames together may be a hundred megabytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, isqrt
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from inference.encoding import encoding, write_gif
from inference.errors import EncodingFailed

SHEET_QUALITY = 85
LARGEST_TILE = 256


class Film:
    """Frames of a film file, as arrays of (height, width, 3), RGB. Raises EncodingFailed where it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        with encoding(self._path, reading=True), av.open(str(self._path)) as film:
            if not film.streams.video:
                raise EncodingFailed(f"{self._path.name} holds no film.")
            for frame in film.decode(film.streams.video[0]):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@dataclass(frozen=True, slots=True)
class Sheet:
    """How the frames of a clip lie on its sheet: row by row, from left to right, all of one size."""

    tile_width: int
    tile_height: int
    columns: int
    num_frames: int

    @classmethod
    def of(cls, *, width: int, height: int, num_frames: int) -> "Sheet":
        """As square as it gets; tiles of at most 256 pixels a side, no larger than the frames."""
        scale = min(1.0, LARGEST_TILE / max(width, height))
        columns = isqrt(num_frames - 1) + 1
        return cls(max(1, round(width * scale)), max(1, round(height * scale)), columns, num_frames)

    @property
    def rows(self) -> int:
        return ceil(self.num_frames / self.columns)

    def place(self, number: int) -> tuple[int, int]:
        """The left upper corner of a frame's tile."""
        row, column = divmod(number, self.columns)
        return column * self.tile_width, row * self.tile_height


def film_to_gif(film: Path, fps: int, path: Path) -> None:
    """The film as an endless GIF, see `write_gif`. Raises EncodingFailed."""
    write_gif(Film(film), fps, path)


def film_to_sheet(film: Path, sheet: Sheet, path: Path) -> None:
    """All frames as one JPEG. Raises EncodingFailed."""
    canvas = Image.new("RGB", (sheet.columns * sheet.tile_width, sheet.rows * sheet.tile_height))
    tile = sheet.tile_width, sheet.tile_height
    for number, frame in zip(range(sheet.num_frames), Film(film), strict=False):
        canvas.paste(Image.fromarray(frame).resize(tile, Resampling.BOX), sheet.place(number))
    with encoding(path):
        canvas.save(path, "JPEG", quality=SHEET_QUALITY, optimize=True)
