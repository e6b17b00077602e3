"""`client.batches`: methods for many videos at once."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from mutoscope import api_requests
from mutoscope.batch_upload import BatchUpload, RequestSource, read_requests
from mutoscope.downloads import OnBytes
from mutoscope.errors import Conflict, WaitTimeout
from mutoscope.models import Batch, BatchItem, get_id
from mutoscope.transport import Transport

MIN_POLL_INTERVAL_SECONDS, MAX_POLL_INTERVAL_SECONDS = 1.0, 10.0


def conflict_retry_delay(error: Conflict) -> float:
    """Returns the seconds until the request can be sent again. Raises the error if a retry would not help."""
    if error.code != "request_in_progress":
        raise error
    return error.retry_after or MIN_POLL_INTERVAL_SECONDS


class Batches:
    """Methods for the batches of the team. A batch can be passed as an object or as its id."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
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
            return self.send(upload, idempotency_key=idempotency_key or uuid.uuid4().hex)

    def send(self, upload: BatchUpload, *, idempotency_key: str) -> Batch:
        """Creates a batch from an upload. With the idempotency key of an interrupted upload it resumes that one."""
        while True:
            try:
                batch = Batch.from_json(self._transport.json(upload.spec(idempotency_key)))
            except Conflict as error:
                time.sleep(conflict_retry_delay(error))
                continue
            # The server accepts requests for some seconds only, and leaves the others to the next request.
            if batch.is_finished or not batch.counts["pending"]:
                return batch

    def retrieve(self, batch: str | Batch) -> Batch:
        """Returns the current state of a batch."""
        return Batch.from_json(self._transport.json(api_requests.batch(get_id(batch))))

    def list(self, **filters: int) -> Iterator[Batch]:
        """Yields all batches of the team, newest first. filters: `limit`, the size of a page."""
        return map(Batch.from_json, self._transport.pages("/v1/batches", filters))

    def items(self, batch: str | Batch, *, status: str | None = None) -> Iterator[BatchItem]:
        """Yields the result of each request in order, or only of those with this status."""
        path = api_requests.batch(get_id(batch), "items").path
        return map(BatchItem.from_json, self._transport.pages(path, {"status": status}))

    def cancel(self, batch: str | Batch) -> Batch:
        """Cancels the videos of a batch that are not finished."""
        return Batch.from_json(self._transport.json(api_requests.batch(get_id(batch), "cancel", method="POST")))

    def wait(
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
            current = self.retrieve(batch)
            if on_progress:
                on_progress(current)
            if current.is_finished:
                return current
            if deadline is not None and time.monotonic() + interval > deadline:
                raise WaitTimeout(f"{current.id} is at {current.progress} %. Call wait() again to continue.")
            time.sleep(interval)
            interval = min(1.2 * interval, MAX_POLL_INTERVAL_SECONDS)

    def download_results(
        self, batch: str | Batch, path: str | os.PathLike[str], *, on_bytes: OnBytes | None = None
    ) -> Path:
        """Downloads a zip of the completed videos and manifest.jsonl. Raises Conflict if no video is completed yet."""
        return self._transport.download(api_requests.batch(get_id(batch), "results"), path, on_bytes=on_bytes)
