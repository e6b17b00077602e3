"""One video at an upstream server: it is sent, followed, downloaded or canceled there."""

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from inference.engines.base import RemoteRun
from inference.engines.upstream.client import UpstreamClient, UpstreamNotFound, error_message
from inference.engines.upstream.options import ServerKind, UpstreamOptions
from inference.engines.upstream.servers import (
    COMPLETED,
    FAILED,
    QUEUED,
    cancel_request,
    image_field,
    reported_seconds,
    server_kind_of,
    submit_fields,
)
from inference.errors import InferenceError, UpstreamFailed
from inference.generation import ExternalJob, GenerationRequest

log = logging.getLogger(__name__)

_EXTERNAL_ID = re.compile(r"[!-~]{1,200}")
_MAX_RESENDS = 1
_CANCEL_TIMEOUT_SECONDS = 3


class UpstreamJob:
    """A video that the server makes.

    progress: in percent, as far as the server says. gpu_seconds, waiting_seconds: see `RemoteVideo`.
    """

    def __init__(
        self,
        client: UpstreamClient,
        options: UpstreamOptions,
        request: GenerationRequest,
        images: Mapping[str, bytes],
        run: RemoteRun,
    ) -> None:
        """images: PNG files under the names that Mutoscope has for them."""
        self._client, self._options, self._request, self._images, self._run = client, options, request, images, run
        self._server = options.server
        self._external = run.external_job
        self._sending: asyncio.Task[None] | None = None
        self.progress = 0
        self._reported_seconds: float | None = None
        self._sent_at: float | None = None
        self._started_at = self._completed_at = time.monotonic()

    @property
    def gpu_seconds(self) -> float:
        reported = self._client.inference_seconds if self._reported_seconds is None else self._reported_seconds
        return self._completed_at - self._started_at if reported is None else reported

    @property
    def waiting_seconds(self) -> float | None:
        return None if self._sent_at is None else self._started_at - self._sent_at

    async def finish(self, file: Path, *, max_bytes: int) -> None:
        """Download the finished video; send it first unless an earlier attempt did. Raises UpstreamFailed."""
        self._server = await detect_server(self._client, self._server)
        if self._external is None:
            await self._send(resends=0)
        while True:
            try:
                await self._follow()
                await self._client.download(self._path("/content"), file, max_bytes=max_bytes)
            except UpstreamNotFound:
                await self._send_again()
            else:
                return

    async def cancel(self) -> None:
        """Cancel the video at the server, if it can be reached soon. Failures are ignored."""
        with suppress(InferenceError, TimeoutError):
            async with asyncio.timeout(_CANCEL_TIMEOUT_SECONDS):
                if self._sending is not None:  # the server may have accepted it, and only its answer has the id
                    await self._sending
                if self._external is not None:
                    await cancel_video(self._client, self._server, self._external.id)
                    self._run.on_external_job(replace(self._external, is_open=False))

    async def _follow(self) -> None:
        """Return when the video is completed. Raises UpstreamFailed; UpstreamNotFound if the server has lost it."""
        while True:
            video = await self._client.call("GET", self._path(""))
            # Some servers say nothing but the error.
            status = str(video.get("status") or ("error" if video.get("error") else "")).lower()
            if status in COMPLETED:
                self._completed_at, self._reported_seconds = time.monotonic(), reported_seconds(video)
                return
            if status in FAILED:
                reason = self._client.clean(error_message(video)) or status
                raise UpstreamFailed("The upstream server could not make the video: %(reason)s", {"reason": reason})
            self.progress = _percent(video.get("progress"))
            if status in QUEUED and not self.progress:
                self._started_at = time.monotonic()
            await asyncio.sleep(self._options.poll_seconds)

    async def _send_again(self) -> None:
        assert self._external is not None  # noqa: S101 (it was asked for)
        if self._external.resends >= _MAX_RESENDS:
            raise UpstreamFailed("The upstream server lost the video twice.")
        log.warning("The upstream server does not know the video %s any more. It is sent again.", self._external.id)
        self.progress = 0
        await self._send(resends=self._external.resends + 1)

    async def _send(self, *, resends: int) -> None:
        # Shielded, so that `cancel` can wait for the answer.
        self._sending = asyncio.create_task(self._submit(resends))
        await asyncio.shield(self._sending)
        self._sending = None

    async def _submit(self, resends: int) -> None:
        fields = submit_fields(
            self._server, self._request, model=self._options.upstream_model, parameters=self._run.parameters
        )
        # Parts without a file name are fields; a form that has only such parts would not be multipart otherwise.
        parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
        for name, image in self._images.items():
            parts[image_field(self._server, name)] = (f"{name}.png", image, "image/png")
        headers = {"Idempotency-Key": f"{self._run.key}-{resends}"}
        # The others ignore the key, and make the video once more for each repeated submit.
        is_idempotent = self._server == ServerKind.MUTOSCOPE
        video = await self._client.submit("/videos", is_idempotent=is_idempotent, files=parts, headers=headers)
        external_id = video.get("id")
        if not isinstance(external_id, str) or not _EXTERNAL_ID.fullmatch(external_id):
            raise UpstreamFailed("The upstream server gave an answer that is not understood.")
        self._sent_at = self._started_at = time.monotonic()
        self._external = ExternalJob(external_id, resends)
        self._run.on_external_job(self._external)

    def _path(self, action: str) -> str:
        assert self._external is not None  # noqa: S101 (it was sent)
        return video_path(self._external.id) + action


async def detect_server(client: UpstreamClient, server: ServerKind) -> ServerKind:
    """Return which server it is; ask it if that is unknown."""
    if server != ServerKind.AUTO:
        return server
    return server_kind_of(await client.get_models(), await client.get_server_info())


async def cancel_video(client: UpstreamClient, server: ServerKind, external_id: str) -> None:
    """Cancel a video at the server. One that it does not know, or does not cancel any more, is over."""
    method, action = cancel_request(await detect_server(client, server))
    with suppress(UpstreamNotFound, UpstreamFailed):
        await client.call(method, video_path(external_id) + action)


def video_path(external_id: str) -> str:
    return f"/videos/{quote(external_id, safe='')}"


def _percent(progress: Any) -> int:
    """Return the progress of a running video; many servers say 0 until the end, or nothing."""
    return int(min(99, max(0, progress))) if isinstance(progress, int | float) else 0
