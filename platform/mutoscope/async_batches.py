"""`client.batches` for coroutines: the methods of `Batches`."""

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
    """The team's batches. Every method takes a batch or its id."""

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
        """Asks for many videos, and goes on until the portal has looked at each request.

        requests: a file of JSON Lines, or dictionaries: submits as the API takes them, with `image`, the path of a
        picture. on_error: `continue` takes what can be taken, `refuse_all` all or nothing. `items` says what became of
        each.
        """
        options = {"name": name, "webhook_url": webhook_url, "on_error": on_error}
        with BatchUpload(read_requests(requests), options) as upload:
            return await self.send(upload, idempotency_key=idempotency_key or uuid.uuid4().hex)

    async def send(self, upload: BatchUpload, *, idempotency_key: str) -> Batch:
        """The same for what is put together already. With the key of a call that broke off it goes on from there."""
        while True:
            try:
                batch = Batch.from_json(await self._transport.json(upload.spec(idempotency_key)))
            except Conflict as error:
                await asyncio.sleep(conflict_retry_delay(error))
                continue
            # A call takes requests for some seconds only.
            if batch.is_finished or not batch.counts["pending"]:
                return batch

    async def retrieve(self, batch: str | Batch) -> Batch:
        """Where it stands."""
        return Batch.from_json(await self._transport.json(api_requests.batch(get_id(batch))))

    async def list(self, **filters: int) -> AsyncIterator[Batch]:
        """All batches of the team, newest first, page after page. filters: limit of a page."""
        async for row in self._transport.pages("/v1/batches", filters):
            yield Batch.from_json(row)

    async def items(self, batch: str | Batch, *, status: str | None = None) -> AsyncIterator[BatchItem]:
        """What became of each request, in their order, or of those with this status."""
        path = api_requests.batch(get_id(batch), "items").path
        async for row in self._transport.pages(path, {"status": status}):
            yield BatchItem.from_json(row)

    async def cancel(self, batch: str | Batch) -> Batch:
        """Cancels its videos that are not done."""
        return Batch.from_json(await self._transport.json(api_requests.batch(get_id(batch), "cancel", method="POST")))

    async def wait(
        self,
        batch: str | Batch,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Batch], None] | None = None,
    ) -> Batch:
        """The batch once every video of it is done, however they ended. Raises WaitTimeout; it then goes on."""
        end = None if timeout is None else time.monotonic() + timeout
        pause = MIN_POLL_INTERVAL_SECONDS
        while True:
            seen = await self.retrieve(batch)
            if on_progress:
                on_progress(seen)
            if seen.is_finished:
                return seen
            if end is not None and time.monotonic() + pause > end:
                raise WaitTimeout(f"{seen.id} is at {seen.progress} %. It goes on; wait again.")
            await asyncio.sleep(pause)
            pause = min(1.2 * pause, MAX_POLL_INTERVAL_SECONDS)

    async def download_results(
        self, batch: str | Batch, path: str | os.PathLike[str], *, on_bytes: OnBytes | None = None
    ) -> Path:
        """Writes the videos that are made into a zip, with manifest.jsonl. Raises Conflict while there is none."""
        return await self._transport.download(api_requests.batch(get_id(batch), "results"), path, on_bytes=on_bytes)
