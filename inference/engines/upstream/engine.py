"""The engine that lets an upstream server make its videos."""

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from inference.engines.base import OnStep, RemoteEngine, RemoteRun, RemoteVideo
from inference.engines.upstream.api_key import read_api_key
from inference.engines.upstream.client import UpstreamClient, unreachable
from inference.engines.upstream.job import UpstreamJob
from inference.engines.upstream.options import UpstreamOptions
from inference.engines.upstream.received_file import read_frames, read_sound
from inference.errors import Canceled, ModelIncomplete, UpstreamDenied, UpstreamFailed
from inference.generation import GenerationInputs, GenerationRequest
from inference.images import encode_png, fit_image

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
        try:
            read_api_key(self._options.api_key_file)
        except UpstreamDenied as error:
            raise ModelIncomplete(
                str(self._options.api_key_file),
                "The key for the upstream server cannot be read: %(reason)s.",
                error.params,
            ) from error

    def generate_remotely(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, run: RemoteRun
    ) -> RemoteVideo:
        file = run.folder / "upstream.mp4"
        job = asyncio.run(self._download(file, request, inputs, on_step, run))
        return RemoteVideo(
            chunks=read_frames(file, request, on_step),
            audio=read_sound(file, request) if request.audio else None,
            gpu_seconds=job.gpu_seconds,
            waiting_seconds=job.waiting_seconds,
        )

    async def _download(
        self, file: Path, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, run: RemoteRun
    ) -> UpstreamJob:
        images = {
            name: encode_png(fit_image(image, request.width, request.height))
            for name, image in (("image", inputs.image), ("last_image", inputs.last_image))
            if image is not None
        }
        max_bytes = request.num_frames * request.height * request.width * 3 + _MAX_INDEX_BYTES
        async with UpstreamClient(self._options.url, read_api_key(self._options.api_key_file)) as client:
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
            return job

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
