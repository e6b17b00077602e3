"""Write frames to files that browsers play, one frame at a time: MP4 (H.264, AAC), GIF and a JPEG poster.

Each file is marked as generated, see `inference.provenance`.

A full or broken disk raises OSError; every other failure raises EncodingError.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.filter import Graph
from av.filter.context import FilterContext
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from inference.audio import Audio
from inference.errors import EncodingError
from inference.provenance import XMP_PACKET, mark_gif, mark_mp4

FrameSource = Iterable[NDArray[np.uint8]]
"""Arrays of (height, width, 3), RGB. It is iterated more than once, so it must not be an iterator."""

H264_OPTIONS = {"crf": "18", "preset": "medium"}
AUDIO_RATE = 48_000
AAC_OPTIONS = {"b": "192k"}
AUDIO_LAYOUTS = {1: "mono", 2: "stereo"}
FASTSTART = {"movflags": "+faststart"}
BT709 = 1
"""The code of BT.709 in H.264's tables of primaries, transfer characteristics and matrix coefficients."""
POSTER_QUALITY = 88
MAX_COLORS = 256
"""Of a GIF's palette."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Properties of a video file. fps is exact; num_frames is counted by decoding."""

    width: int
    height: int
    num_frames: int
    fps: Fraction
    duration_seconds: float
    codec: str
    pixel_format: str


def write_mp4(
    frames: FrameSource, fps: int, path: Path, audio: Audio | None = None, *, parameter_set_id: int = 0
) -> None:
    """Write H.264 in yuv420p and BT.709, with the index first so that browsers play the file while it loads.

    4:2:0 subsampling needs even sides: if one is odd, its last row or column is repeated. The sound becomes AAC; it is
    cut or filled with silence to the length of the frames. Raises EncodingError.

    parameter_set_id: the id of the parameter sets, by which a file can have those of several encoders.
    """
    with translate_file_errors(path):
        _write_streams(frames, fps, path, audio, {**H264_OPTIONS, "x264-params": f"sps-id={parameter_set_id}"})
        mark_mp4(path)


def _write_streams(
    frames: FrameSource, fps: int, path: Path, audio: Audio | None, video_options: dict[str, str]
) -> None:
    height, width = (side + side % 2 for side in _frame_size(frames))
    with av.open(str(path), "w", format="mp4", options=dict(FASTSTART)) as container:
        stream = container.add_stream("libx264", rate=fps, options=video_options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = ColorRange.MPEG
        # One reformatter for all frames, on this thread: setting up a thread pool per frame took longer than all the
        # other work.
        reformatter = VideoReformatter()
        track = None if audio is None else AudioTrack(container, audio, fps)
        for number, frame in enumerate(_even_frames(frames, fps)):
            yuv = reformatter.reformat(
                frame, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, threads=1
            )
            container.mux(stream.encode(yuv))
            if track is not None:
                container.mux(track.encode(number))
        container.mux(stream.encode(None))
        if track is not None:
            container.mux(track.finish())


class AudioTrack:
    """Encodes the sound frame by frame, so that the file has it next to the pictures."""

    def __init__(self, container: OutputContainer, audio: Audio, fps: int) -> None:
        self._audio, self._fps = audio, fps
        self._layout = AUDIO_LAYOUTS[len(audio.samples)]
        self._stream = container.add_stream("aac", rate=AUDIO_RATE, options=dict(AAC_OPTIONS))
        self._stream.layout = self._layout

    def encode(self, number: int) -> "list[Packet[Any]]":
        """Encode the sound of a frame. The encoder resamples it."""
        start, end = (round(boundary * self._audio.sample_rate / self._fps) for boundary in (number, number + 1))
        part = self._audio.samples[:, start:end]
        part = np.pad(part, ((0, 0), (0, end - start - part.shape[1])))
        frame = AudioFrame.from_ndarray(np.clip(np.nan_to_num(part), -1, 1), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts = self._audio.sample_rate, start
        frame.time_base = Fraction(1, self._audio.sample_rate)
        return self._stream.encode(frame)

    def finish(self) -> "list[Packet[Any]]":
        """Return what the encoder has held back."""
        return self._stream.encode(None)


def write_gif(frames: FrameSource, fps: int, path: Path, *, before: Sequence[FrameSource] = ()) -> None:
    """Write an endless GIF with one palette of 256 colors, computed from all frames. Raises EncodingError.

    GIF delays are hundredths of a second; they alternate if fps does not divide 100.
    before: frames that come first, in parts of at most 256 colors each, which stay exactly as they are.
    """
    with translate_file_errors(path):
        parts = [*((part, _exact_palette(part)) for part in before), (frames, _palette(frames, fps))]
        _write_gif_stream(parts, fps, path)
        mark_gif(path)


def _write_gif_stream(parts: Sequence[tuple[FrameSource, VideoFrame]], fps: int, path: Path) -> None:
    height, width = _frame_size(parts[0][0])
    with av.open(str(path), "w", format="gif", options={"loop": "0"}) as container:
        stream = container.add_stream("gif", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        frames = chain.from_iterable(_apply_palette(part, fps, palette) for part, palette in parts)
        for number, frame in enumerate(frames):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def colors_of(frame: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the distinct colors of a frame, as numbers 0xRRGGBB in ascending order."""
    red, green, blue = np.moveaxis(frame.astype(np.uint32), -1, 0)
    return np.unique(red << 16 | green << 8 | blue)


def _exact_palette(frames: FrameSource) -> VideoFrame:
    """Return a palette of exactly the colors of these frames; the rest of it is transparent."""
    palette = np.zeros(MAX_COLORS, np.uint32)
    colors = reduce(np.union1d, map(colors_of, frames))
    palette[: len(colors)] = colors | 0xFF << 24
    return VideoFrame.from_ndarray(palette.view(np.uint8).reshape(16, 16, 4), format="bgra")


def write_poster(frame: NDArray[np.uint8], path: Path) -> None:
    """Write one frame (height, width, 3) as a progressive JPEG. Raises EncodingError."""
    with translate_file_errors(path):
        Image.fromarray(np.ascontiguousarray(frame)).save(
            path, "JPEG", quality=POSTER_QUALITY, optimize=True, progressive=True, xmp=XMP_PACKET
        )


def probe(path: Path) -> VideoInfo:
    """Return the properties of a video file. Raises EncodingError if it is not a video."""
    with translate_file_errors(path, reading=True), av.open(str(path)) as container:
        if not container.streams.video:
            raise EncodingError("%(file)s contains no video.", {"file": path.name})
        stream = container.streams.video[0]
        rate = stream.average_rate or Fraction(0)
        num_frames = sum(1 for _ in container.decode(stream))
        return VideoInfo(
            width=stream.width,
            height=stream.height,
            num_frames=num_frames,
            fps=rate,
            duration_seconds=container.duration / av.time_base if container.duration else 0.0,
            codec=stream.codec_context.name,
            pixel_format=stream.codec_context.pix_fmt or "",
        )


# The disk failed, not the frames: the same video can be written when there is space again.
_DISK_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


@contextmanager
def translate_file_errors(path: Path, *, reading: bool = False) -> Iterator[None]:
    """Translate errors of reading or writing `path` to OSError or EncodingError; delete a partly written file."""
    try:
        yield
    except EncodingError:
        if not reading:
            path.unlink(missing_ok=True)
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        if not reading:
            path.unlink(missing_ok=True)
        number = getattr(error, "errno", None)
        if number in _DISK_ERRNOS:
            raise OSError(number, os.strerror(number), str(path)) from error
        params = {"file": path.name, "reason": str(getattr(error, "strerror", None) or error)}
        if reading:
            raise EncodingError("%(file)s could not be read: %(reason)s.", params) from error
        raise EncodingError("%(file)s could not be written: %(reason)s.", params) from error


def _frame_size(frames: FrameSource) -> tuple[int, int]:
    """Return height and width."""
    height, width, _ = next(iter(frames)).shape
    return height, width


def _video_frames(frames: Iterable[NDArray[np.uint8]], fps: int) -> Iterator[VideoFrame]:
    for number, pixels in enumerate(frames):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, fps)
        yield frame


def _even_frames(frames: FrameSource, fps: int) -> Iterator[VideoFrame]:
    odd_rows, odd_columns = (side % 2 for side in _frame_size(frames))
    if not odd_rows and not odd_columns:
        return _video_frames(frames, fps)
    padding = ((0, odd_rows), (0, odd_columns), (0, 0))
    return _video_frames((np.pad(frame, padding, mode="edge") for frame in frames), fps)


def _palette(frames: FrameSource, fps: int) -> VideoFrame:
    """Compute the 256 colors that fit all frames best."""
    graph = Graph()
    source, sink = _source(graph, frames, fps), graph.add("buffersink")
    graph.link_nodes(source, graph.add("palettegen"), sink).configure()
    for frame in _video_frames(frames, fps):
        source.push(frame)
        for _ in _pull_frames(sink):  # there is none yet, but otherwise the graph would keep all frames
            pass
    source.push(None)
    (palette,) = _pull_frames(sink)
    return palette


def _apply_palette(frames: FrameSource, fps: int, palette: VideoFrame) -> Iterator[VideoFrame]:
    graph = Graph()
    source, palette_use, sink = _source(graph, frames, fps), graph.add("paletteuse"), graph.add("buffersink")
    colors = graph.add_buffer(
        width=palette.width, height=palette.height, format=palette.format, time_base=Fraction(1, fps)
    )
    source.link_to(palette_use, 0, 0)
    colors.link_to(palette_use, 0, 1)
    palette_use.link_to(sink)
    graph.configure()
    colors.push(palette)
    colors.push(None)
    for frame in _video_frames(frames, fps):
        source.push(frame)
        yield from _pull_frames(sink)
    source.push(None)
    yield from _pull_frames(sink)


def _source(graph: Graph, frames: FrameSource, fps: int) -> FilterContext:
    height, width = _frame_size(frames)
    return graph.add_buffer(width=width, height=height, format=VideoFormat("rgb24"), time_base=Fraction(1, fps))


def _pull_frames(sink: FilterContext) -> Iterator[VideoFrame]:
    """Yield the frames that the filter graph has finished."""
    while True:
        try:
            frame = sink.pull()
        except (BlockingIOError, EOFError):
            return
        if isinstance(frame, VideoFrame):
            yield frame
