"""The frames of one video as a NumPy file, written chunk by chunk and read frame by frame.

30 seconds at 1280x720 are two gigabytes: neither side holds all frames. The file is not mapped into memory, since its
pages would count as memory of the process that reads them.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
"""(num_frames, height, width, 3), RGB."""


class FramesWriter:
    """Writes the frames of a video of a known size. The file has its name only once it is complete.

    Leaving the context deletes an incomplete file.
    """

    def __init__(self, path: Path, *, num_frames: int, height: int, width: int) -> None:
        self._path, self._partial = path, path.with_suffix(".part")
        self._missing, self._frame_shape = num_frames, (height, width, 3)
        self._file = self._partial.open("wb")
        header = {"descr": "|u1", "fortran_order": False, "shape": (num_frames, *self._frame_shape)}
        npy.write_array_header_1_0(self._file, header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what could not be written is not needed
            self._file.close()
        self._partial.unlink(missing_ok=True)

    def write(self, chunk: Frames) -> None:
        """Append frames. Raises OSError, or ValueError for frames of another size."""
        if chunk.dtype != np.uint8 or chunk.shape[1:] != self._frame_shape:
            raise ValueError(f"frames of {chunk.shape[1:]} {chunk.dtype} in a video of {self._frame_shape}")
        self._file.write(np.ascontiguousarray(chunk).data)
        self._missing -= len(chunk)

    def finish(self) -> None:
        """Give the file its name. Raises OSError, or ValueError if there are not as many frames as there should be."""
        self._file.close()
        if self._missing:
            raise ValueError(f"{abs(self._missing)} frames too {'few' if self._missing > 0 else 'many'}")
        self._partial.rename(self._path)


class FramesFile:
    """Iterable of the frames in a file, (height, width, 3); each iteration reads it again, a frame at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            npy.read_magic(file)
            (self._num_frames, *frame_shape), _, _ = npy.read_array_header_1_0(file)
            self._frame_shape, self._start = tuple(frame_shape), file.tell()

    def __len__(self) -> int:
        return self._num_frames

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        with self._path.open("rb") as file:
            file.seek(self._start)
            for _ in range(self._num_frames):
                pixels = np.fromfile(file, np.uint8, int(np.prod(self._frame_shape)))
                yield pixels.reshape(self._frame_shape)
