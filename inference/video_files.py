"""Read the frames of a video file, one or all, and convert them to a GIF or a sprite sheet.

Frames are decoded one at a time, on every iteration: all frames of a video together may be a hundred megabytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import ceil, isqrt, sqrt
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from inference.audio import Audio
from inference.encoding import AUDIO_LAYOUTS, AUDIO_RATE, translate_file_errors, write_gif
from inference.errors import EncodingError
from inference.provenance import XMP_PACKET

SPRITE_SHEET_QUALITY = 85
MAX_TILE_SIDE = 256
MAX_GIF_PIXELS = 200_000_000
"""Of all frames together. A GIF of 30 seconds at 1280x720 would take a minute and have hundreds of megabytes."""


class VideoFile:
    """Iterable of the frames of a video file, (height, width, 3) RGB. Iteration raises EncodingError.

    size: width and height to which the frames are scaled; by default they keep theirs.
    """

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None) -> None:
        self._path = path
        self._width: int | None
        self._height: int | None
        self._width, self._height = size or (None, None)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        with translate_file_errors(self._path, reading=True), av.open(str(self._path)) as container:
            if not container.streams.video:
                raise EncodingError("%(file)s contains no video.", {"file": self._path.name})
            for frame in container.decode(container.streams.video[0]):
                yield np.asarray(frame.to_ndarray(format="rgb24", width=self._width, height=self._height), np.uint8)


def read_frame(video: Path, number: int) -> NDArray[np.uint8]:
    """Return one frame, counted from 0, as `VideoFile` yields it. Raises EncodingError.

    A GIF is decoded up to this frame, since each frame may be based on the one before, an MP4 from its key frame on.
    """
    with translate_file_errors(video, reading=True), av.open(str(video)) as container:
        stream = container.streams.video[0]
        frames = container.decode(stream)
        if stream.codec_context.name == "gif" or not stream.average_rate or not stream.time_base:
            found = next(islice(frames, number, None), None)
        else:
            ticks_per_frame = 1 / (stream.average_rate * stream.time_base)
            start = stream.start_time or 0
            container.seek(round(start + number * ticks_per_frame), stream=stream)
            numbered = (((frame.pts or 0) - start, frame) for frame in frames)
            found = next((frame for ticks, frame in numbered if round(ticks / ticks_per_frame) == number), None)
        if found is None:
            raise EncodingError("%(file)s has no frame %(number)s.", {"file": video.name, "number": number})
        return np.asarray(found.to_ndarray(format="rgb24"), np.uint8)


def read_audio(path: Path, *, max_seconds: float) -> Audio | None:
    """Return the sound of a video file up to this time, mono or stereo; None if it has none. Raises EncodingError."""
    with translate_file_errors(path, reading=True), av.open(str(path)) as container:
        return decode_audio(container, max_seconds=max_seconds)


def decode_audio(container: InputContainer, *, max_seconds: float) -> Audio | None:
    """Do the same for a file that is open. Raises FFmpegError."""
    if not container.streams.audio:
        return None
    stream = container.streams.audio[0]
    # As it is: in stereo, a mono sound would be quieter.
    channels = max(1, min(stream.codec_context.channels, 2))
    resampler = AudioResampler(format="fltp", layout=AUDIO_LAYOUTS[channels], rate=AUDIO_RATE)
    missing, parts = ceil(max_seconds * AUDIO_RATE), []
    for frame in container.decode(stream):
        for resampled in resampler.resample(frame):
            parts.append(resampled.to_ndarray()[:, :missing])
            missing -= parts[-1].shape[1]
        if missing <= 0:
            break
    return Audio(np.concatenate([np.zeros((channels, 0), np.float32), *parts], axis=1), AUDIO_RATE)


@dataclass(frozen=True, slots=True)
class SpriteSheet:
    """Layout of a sprite sheet: tiles of one size, one per frame, row by row from left to right. Sizes in pixels."""

    tile_width: int
    tile_height: int
    columns: int
    num_frames: int

    @classmethod
    def of(cls, *, width: int, height: int, num_frames: int) -> "SpriteSheet":
        """Return a nearly square layout; tiles have at most 256 pixels per side and are not larger than the frames."""
        scale = min(1.0, MAX_TILE_SIDE / max(width, height))
        columns = isqrt(num_frames - 1) + 1
        return cls(max(1, round(width * scale)), max(1, round(height * scale)), columns, num_frames)

    @property
    def rows(self) -> int:
        return ceil(self.num_frames / self.columns)

    def tile_position(self, number: int) -> tuple[int, int]:
        """Return (left, top) of the tile of a frame."""
        row, column = divmod(number, self.columns)
        return column * self.tile_width, row * self.tile_height


def video_to_gif(video: Path, fps: int, path: Path) -> None:
    """Convert the video to an endless GIF, see `write_gif`, scaled down to MAX_GIF_PIXELS. Raises EncodingError."""
    write_gif(VideoFile(video, size=_gif_size(video)), fps, path)


def _gif_size(video: Path) -> tuple[int, int] | None:
    """Return the size of the frames of a GIF, or None if it is that of the video."""
    with translate_file_errors(video, reading=True), av.open(str(video)) as container:
        stream = next(iter(container.streams.video), None)
        if stream is None or (pixels := stream.width * stream.height * stream.frames) <= MAX_GIF_PIXELS:
            return None
        scale = sqrt(MAX_GIF_PIXELS / pixels)
        return max(1, int(stream.width * scale)), max(1, int(stream.height * scale))


def video_to_sprite_sheet(video: Path, sprite_sheet: SpriteSheet, path: Path) -> None:
    """Write all frames as tiles of one JPEG. Raises EncodingError."""
    canvas = Image.new(
        "RGB", (sprite_sheet.columns * sprite_sheet.tile_width, sprite_sheet.rows * sprite_sheet.tile_height)
    )
    tile = sprite_sheet.tile_width, sprite_sheet.tile_height
    for number, frame in zip(range(sprite_sheet.num_frames), VideoFile(video), strict=False):
        canvas.paste(Image.fromarray(frame).resize(tile, Resampling.BOX), sprite_sheet.tile_position(number))
    with translate_file_errors(path):
        canvas.save(path, "JPEG", quality=SPRITE_SHEET_QUALITY, optimize=True, xmp=XMP_PACKET)
