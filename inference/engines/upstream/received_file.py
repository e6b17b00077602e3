"""Reads the file that an upstream server sent. Nothing in it is trusted before it is checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from inference.audio import Audio
from inference.encoding import translate_file_errors
from inference.engines.base import OnStep
from inference.errors import EncodingError, UpstreamFailed
from inference.frames_file import Frames
from inference.generation import GenerationRequest
from inference.video_files import decode_audio

# A decoder works on whole blocks, which may be larger than the picture.
_LARGEST_BLOCK = 128
_PERCENT = 100


def read_frames(file: Path, request: GenerationRequest, on_step: OnStep) -> Iterator[Frames]:
    """Yield the frames of the file one by one. Raises UpstreamFailed if it is not the video that was asked for.

    At most one frame more than that is decoded.
    """
    count = 0
    with _open(file) as container:
        stream = _video_stream(container)
        # As the file says; the frames themselves are checked one by one.
        _check_size(request, stream.codec_context.width, stream.codec_context.height)
        max_pixels = (request.width + _LARGEST_BLOCK) * (request.height + _LARGEST_BLOCK)
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
        for frame in container.decode(stream):
            on_step(_PERCENT - 1, _PERCENT)
            _check_size(request, frame.width, frame.height)
            count += 1
            if count > request.num_frames:
                break
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)[np.newaxis]
    if count != request.num_frames:
        raise UpstreamFailed(
            "The upstream server made %(actual)s instead of %(expected)s frames.",
            {"actual": count, "expected": request.num_frames},
        )
    on_step(_PERCENT, _PERCENT)


def read_sound(file: Path, request: GenerationRequest) -> Audio | None:
    """Return the sound of the file, for the length of the video, or None if it has none. Raises UpstreamFailed."""
    with _open(file) as container:
        return decode_audio(container, max_seconds=request.duration_seconds)


@contextmanager
def _open(file: Path) -> Iterator[InputContainer]:
    """Open the file as MP4: files of other formats could name further files to read."""
    try:
        with (
            translate_file_errors(file, reading=True),
            av.open(str(file), format="mp4", container_options={"protocol_whitelist": "file"}) as container,
        ):
            yield container
    except EncodingError as error:
        raise UpstreamFailed("The file of the upstream server is no video.") from error


def _video_stream(container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise UpstreamFailed("The file of the upstream server is no video.")
    return container.streams.video[0]


def _check_size(request: GenerationRequest, width: int, height: int) -> None:
    if (width, height) != (request.width, request.height):
        raise UpstreamFailed(
            "The upstream server made frames of %(actual)s instead of %(expected)s pixels.",
            {"actual": f"{width}x{height}", "expected": f"{request.width}x{request.height}"},
        )
