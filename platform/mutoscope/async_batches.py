"""`client.batches` of the asynchronous client: the methods of `Batches` as coroutines."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from mutoscope import api_requests
from mutoscope.batch_upload import BatchUpload, RequestSource, read_requests
from mutoscope.batches import MAX_POLL_INTERVAL_SECONDS, MIN_POLL_INTERVAL_SECONDS, conflict_retry_delay
from mutoscope.downloads import OnBytes
from mutoscope.errors import Conflict, WaitTimeout
from mutoscope.models import Batch, BatchItem, get_id
from mutoscope.transport import AsyncTransport


class AsyncBatches:
    """Methods for the batches of the team. A batch can be passed as an object or as its id."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        requests: RequestSource,
        *,
        name: str | None = None,
        webhook_url: str | None = None,
        on_error: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Creates many videos and returns after the server has accepted or refused each request.

        requests: the path of a JSON Lines file, or dictionaries. Each has the fields of a video request, and may have
        `image` and `last_image`, paths of image files.
        on_error: `continue` accepts every valid request, `fail_fast` accepts none if one of them is refused.
        `items` returns the result of each request.
        """
        options = {"name": name, "webhook_url": webhook_url, "on_error": on_error}
        with BatchUpload(read_requests(requests), options) as upload:
            return await self.send(upload, idempotency_key=idempotency_key or uuid.uuid4().hex)

    async def send(self, upload: BatchUpload, *, idempotency_key: str) -> Batch:
        """Creates a batch from an upload. With the idempotency key of an interrupted upload it resumes that one."""
        while True:
            try:
                batch = Batch.from_json(await self._transport.json(upload.spec(idempotency_key)))
            except Conflict as error:
                await asyncio.sleep(conflict_retry_delay(error))
                continue
            # The server accepts requests for some seconds only, and leaves the others to the next request.
            if batch.is_finished or not batch.counts["pending"]:
                return batch

    async def retrieve(self, batch: str | Batch) -> Batch:
        """Returns the current state of a batch."""
        return Batch.from_json(await self._transport.json(api_requests.batch(get_id(batch))))

    async def list(self, **filters: int) -> AsyncIterator[Batch]:
        """Yields all batches of the team, newest first. filters: `limit`, the size of a page."""
        async for row in self._transport.pages("/v1/batches", filters):
            yield Batch.from_json(row)

    async def items(self, batch: str | Batch, *, status: str | None = None) -> AsyncIterator[BatchItem]:
        """Yields the result of each request in order, or only of those with this status."""
        path = api_requests.batch(get_id(batch), "items").path
        async for row in self._transport.pages(path, {"status": status}):
            yield BatchItem.from_json(row)

    async def cancel(self, batch: str | Batch) -> Batch:
        """Cancels the videos of a batch that are not finished."""
        return Batch.from_json(await self._transport.json(api_requests.batch(get_id(batch), "cancel", method="POST")))

    async def wait(
        self,
        batch: str | Batch,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Batch], None] | None = None,
    ) -> Batch:
        """Waits until all videos of a batch are finished and returns the batch.

        Raises WaitTimeout after `timeout` seconds; the batch continues.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        interval = MIN_POLL_INTERVAL_SECONDS
        while True:
            current = await self.retrieve(batch)
            if on_progress:
                on_progress(current)
            if current.is_finished:
                return current
            if deadline is not None and time.monotonic() + interval > deadline:
                raise WaitTimeout(f"{current.id} is at {current.progress} %. Call wait() again to continue.")
            await asyncio.sleep(interval)
            interval = min(1.2 * interval, MAX_POLL_INTERVAL_SECONDS)

    async def download_results(
        self, batch: str | Batch, path: str | os.PathLike[str], *, on_bytes: OnBytes | None = None
    ) -> Path:
        """Downloads a zip of the completed videos and manifest.jsonl. Raises Conflict if no video is completed yet."""
        return await self._transport.download(api_requests.batch(get_id(batch), "results"), path, on_bytes=on_bytes)
