"""The engine that lets an upstream server make its videos."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inference.audio import Audio
from inference.engines.base import GeneratedVideo, OnStep, RemoteEngine, RemoteRun
from inference.engines.upstream.client import UpstreamClient, unreachable
from inference.engines.upstream.job import UpstreamJob
from inference.engines.upstream.options import UpstreamOptions
from inference.errors import Canceled, EncodingError, ModelIncomplete, UpstreamFailed
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest
from inference.images import encode_png, fit_image
from inference.video_files import VideoFile, read_audio

# How soon a cancellation is noticed.
_TICK_SECONDS = 0.25
_PERCENT = 100
# A video file is smaller than its pixels, but a tiny video has an index, too.
_MAX_INDEX_BYTES = 1_000_000


class UpstreamEngine(RemoteEngine):
    """Sends a video to a server, follows it, downloads it and returns its frames."""

    def __init__(self, source: str | None, device: str, *, options: Mapping[str, Any]) -> None:
        super().__init__(source, device)
        self._options = UpstreamOptions.parse(options)

    def load(self) -> None:
        """Read the key once, so that a worker without it does not get ready. The server may be away meanwhile."""
        self._read_api_key()

    def generate_remotely(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, run: RemoteRun
    ) -> GeneratedVideo:
        file = run.folder / "upstream.mp4"
        asyncio.run(self._download(file, request, inputs, on_step, run))
        audio = _read_audio(file, request) if request.audio else None
        return GeneratedVideo(_read_frames(file, request, on_step), audio)

    async def _download(
        self, file: Path, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, run: RemoteRun
    ) -> None:
        images = {
            name: encode_png(fit_image(image, request.width, request.height))
            for name, image in (("image", inputs.image), ("last_image", inputs.last_image))
            if image is not None
        }
        max_bytes = request.num_frames * request.height * request.width * 3 + _MAX_INDEX_BYTES
        async with UpstreamClient(self._options.url, self._read_api_key()) as client:
            job = UpstreamJob(client, self._options, request, images, run)
            try:
                await self._follow(job, job.finish(file, max_bytes=max_bytes), on_step, run.timeout_seconds)
            except (Canceled, UpstreamFailed):
                await job.cancel()
                raise
            except TimeoutError:
                if client.last_failure is not None:
                    raise unreachable(client.last_failure) from None
                await job.cancel()
                raise UpstreamFailed("The upstream server did not make the video in time.") from None

    async def _follow(
        self, job: UpstreamJob, finish: Coroutine[Any, Any, None], on_step: OnStep, timeout_seconds: float
    ) -> None:
        """Report the progress of the job until it is finished. Raises TimeoutError, and what either of the two does."""
        finishing = asyncio.create_task(finish)
        try:
            async with asyncio.timeout(timeout_seconds):
                while not finishing.done():
                    on_step(max(1, job.progress), _PERCENT)
                    await asyncio.wait({finishing}, timeout=_TICK_SECONDS)
            await finishing
        finally:
            finishing.cancel()

    def _read_api_key(self) -> str | None:
        """Return the key for the server. It is read for every video, so that the operator can change it any time."""
        path = self._options.api_key_file
        if path is None:
            return None
        try:
            return Path(path).read_text("ascii").strip()
        except (OSError, ValueError) as error:
            raise ModelIncomplete(
                path, "The key for the upstream server cannot be read: %(reason)s.", {"reason": type(error).__name__}
            ) from error


def _read_audio(file: Path, request: GenerationRequest) -> Audio | None:
    try:
        return read_audio(file, max_seconds=request.duration_seconds)
    except EncodingError as error:
        raise UpstreamFailed("The file of the upstream server is no video.") from error


def _read_frames(file: Path, request: GenerationRequest, on_step: OnStep) -> Iterator[Frames]:
    """Yield the frames of the file. Raises UpstreamFailed if they are not those that were asked for."""
    frame_shape = (request.height, request.width, 3)
    count = 0
    try:
        for frame in VideoFile(file):
            on_step(_PERCENT - 1, _PERCENT)
            if frame.shape != frame_shape:
                expected, actual = (f"{width}x{height}" for height, width, _ in (frame_shape, frame.shape))
                raise UpstreamFailed(
                    "The upstream server made frames of %(actual)s instead of %(expected)s pixels.",
                    {"actual": actual, "expected": expected},
                )
            count += 1
            if count <= request.num_frames:
                yield frame[np.newaxis]
    except EncodingError as error:
        raise UpstreamFailed("The file of the upstream server is no video.") from error
    if count != request.num_frames:
        raise UpstreamFailed(
            "The upstream server made %(actual)s instead of %(expected)s frames.",
            {"actual": count, "expected": request.num_frames},
        )
    on_step(_PERCENT, _PERCENT)
