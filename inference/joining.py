"""Join a video and its continuation into one file. The frames of the video stay exactly as they are.

The packets of an MP4 are copied. The continuation begins with a key frame, and the parameter sets of its encoder are
those of the video, or get an id of their own, so that a decoder has both. A GIF is written again; the frames of the
video keep their colors, for which they have palettes of their own.

The first frame of the continuation is left out with its sound: it shows the same as the last frame of the video.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from inference.audio import Audio
from inference.encoding import (
    AUDIO_LAYOUTS,
    AUDIO_RATE,
    FASTSTART,
    MAX_COLORS,
    AudioTrack,
    FrameSource,
    colors_of,
    translate_file_errors,
    write_gif,
    write_mp4,
)
from inference.parameter_sets import ParameterSets
from inference.provenance import mark_mp4
from inference.video_files import VideoFile, read_audio


class _FrameSlice:
    """Iterable of the frames from `start` to before `stop`."""

    def __init__(self, frames: FrameSource, start: int, stop: int | None = None) -> None:
        self._frames, self._start, self._stop = frames, start, stop

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return islice(iter(self._frames), self._start, self._stop)


def join_gif(video: Path, continuation: FrameSource, fps: int, path: Path) -> None:
    """Write the GIF `video` and its continuation to `path`. Raises OSError or EncodingError."""
    write_gif(_FrameSlice(continuation, 1), fps, path, before=_parts_with_one_palette(VideoFile(video)))


def _parts_with_one_palette(frames: FrameSource) -> list[_FrameSlice]:
    """Divide the frames of a GIF: a palette has the colors of a part. A file that was joined has several palettes."""
    starts, colors = [0], np.empty(0, np.uint32)
    for number, frame in enumerate(frames):
        own = colors_of(frame)
        colors = np.union1d(colors, own)
        if len(colors) > MAX_COLORS:
            starts.append(number)
            colors = own
    return [_FrameSlice(frames, start, stop) for start, stop in zip(starts, [*starts[1:], None], strict=True)]


def join_mp4(
    video: Path, continuation: FrameSource, fps: int, path: Path, continuation_audio: Audio | None = None
) -> bool:
    """Write the MP4 `video` and its continuation to `path`, and return whether it has sound.

    The sound is encoded again, so that it begins and ends with its frames. If only one of the two has sound, the other
    is silent. Raises OSError or EncodingError.
    """
    part = path.with_suffix(".part.mp4")
    known = _parameter_sets(video)
    # The sets of the latest encoder that the video has; if this one makes others, they get the next id.
    for set_id in (known.count - 1, known.count):
        write_mp4(_FrameSlice(continuation, 1), fps, part, parameter_set_id=set_id)
        sets = _parameter_sets(part)
        if sets <= known:
            break
    with translate_file_errors(path):
        with av.open(str(video)) as first, av.open(str(part)) as second:
            packets = list(_numbered_packets(first, fps))
            audio = _join_audio(video, continuation_audio, len(packets), fps)
            packets += _numbered_packets(second, fps, start=len(packets))
            with av.open(str(path), "w", format="mp4", options=dict(FASTSTART)) as output:
                stream = output.add_stream_from_template(_stream(first))
                stream.codec_context.extradata = (known | sets).serialize()
                track = None if audio is None else AudioTrack(output, audio, fps)
                _write_packets(output, packets, stream, fps, track)
        mark_mp4(path)
    part.unlink()
    return audio is not None


def _parameter_sets(video: Path) -> ParameterSets:
    with translate_file_errors(video, reading=True), av.open(str(video)) as container:
        return ParameterSets.parse(_stream(container).codec_context.extradata)


def _stream(container: InputContainer) -> VideoStream:
    return container.streams.video[0]


def _numbered_packets(container: InputContainer, fps: int, *, start: int = 0) -> "Iterator[tuple[int, Packet[Any]]]":
    """Yield the packets in the order in which they are decoded, with the numbers of their frames from `start` on."""
    for packet in container.demux(_stream(container)):
        if packet.pts is not None and packet.time_base is not None:
            yield start + round(packet.pts * packet.time_base * fps), packet


def _join_audio(video: Path, continuation: Audio | None, num_frames: int, fps: int) -> Audio | None:
    """Return the sound of a video with this number of frames, and that of its continuation without its first frame."""
    first = read_audio(video, max_seconds=num_frames / fps)
    if first is None and continuation is None:
        return None
    parts = [np.zeros((2, round(num_frames * AUDIO_RATE / fps)), np.float32)]
    if first is not None:
        samples = first.samples[:, : parts[0].shape[1]]
        parts[0][:, : samples.shape[1]] = samples  # both channels get the one of a mono sound
    if continuation is not None:
        samples = _resample(continuation)[:, round(AUDIO_RATE / fps) :]
        parts.append(np.broadcast_to(samples, (2, samples.shape[1])))
    return Audio(np.concatenate(parts, axis=1), AUDIO_RATE)


def _resample(audio: Audio) -> NDArray[np.float32]:
    """Return the samples at the rate of files."""
    layout = AUDIO_LAYOUTS[len(audio.samples)]
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(audio.samples, np.float32), format="fltp", layout=layout)
    frame.sample_rate = audio.sample_rate
    resampler = AudioResampler(format="fltp", layout=layout, rate=AUDIO_RATE)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray() for part in parts], axis=1)


def _write_packets(
    output: OutputContainer,
    packets: "list[tuple[int, Packet[Any]]]",
    stream: VideoStream,
    fps: int,
    track: AudioTrack | None,
) -> None:
    """Write the packets with the times of one video at a constant rate, next to the sound."""
    # A decoder shows frames later than it decodes the first one. The whole file gets the longest delay of its parts.
    delay = max(position - number for position, (number, _) in enumerate(packets))
    for position, (number, packet) in enumerate(packets):
        packet.stream, packet.time_base = stream, Fraction(1, fps)
        packet.pts, packet.dts, packet.duration = number, position - delay, 1
        output.mux(packet)
        if track is not None:
            output.mux(track.encode(position))
    if track is not None:
        output.mux(track.finish())
