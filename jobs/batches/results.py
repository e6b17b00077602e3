"""The videos of a batch as a zip, which is created while it is sent. At most one video is in memory at a time."""

import json
import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from django.core.files.storage import default_storage
from django.utils import timezone

from common.errors import Conflict
from jobs.api.errors import rendered_error
from jobs.batches.models import Batch, BatchItem
from jobs.batches.progress import status_of
from jobs.models import Job
from jobs.states import State

MANIFEST = "manifest.jsonl"
_UNSAFE_NAME_CHARACTERS = re.compile(r"[^A-Za-z0-9_-]+")


def items_for_results(batch: Batch) -> list[BatchItem]:
    """Return all items with their videos. Raise Conflict while no video is ready but some are not finished."""
    items = list(batch.items.select_related("job").order_by("index"))
    if not batch.is_finished and not any(status_of(item) == State.COMPLETED for item in items):
        raise Conflict("No video of this batch is ready yet. Try again later.", code="not_ready")
    return items


def stream_zip(items: list[BatchItem]) -> Iterator[bytes]:
    """Yield the zip in chunks. Videos are compressed already, so they are stored as they are; the manifest is last.

    This reads only the storage, not the database, so that a slow client does not occupy a database connection.
    """
    sink = _ZipBuffer()
    manifest = []
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for item in items:
            video_bytes = _read_video(item)
            name = _file_name(item) if video_bytes is not None else None
            if name and video_bytes is not None:
                archive.writestr(_zip_info(name), video_bytes)
                yield sink.pop_bytes()
            manifest.append(json.dumps(_manifest_line(item, name), ensure_ascii=False))
        archive.writestr(_zip_info(MANIFEST), "\n".join(manifest) + "\n")
    yield sink.pop_bytes()


class _ZipBuffer:
    """A write-only stream without seeking that the zip is written to."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def pop_bytes(self) -> bytes:
        """Return the bytes that were written since the last call."""
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)


def _read_video(item: BatchItem) -> bytes | None:
    if item.job is None or status_of(item) != State.COMPLETED or item.job.is_gone:
        return None
    try:
        with default_storage.open(item.job.result_key) as file:
            video_bytes: bytes = file.read()
    except FileNotFoundError:  # deleted after its row was read
        return None
    return video_bytes


def _file_name(item: BatchItem) -> str:
    job: Job = item.job  # type: ignore[assignment] # an item with a file has a job
    name = _UNSAFE_NAME_CHARACTERS.sub("_", item.custom_id).strip("_") or job.public_id
    return f"{item.index:03}-{name}.{job.output_format}"


def _manifest_line(item: BatchItem, file: str | None) -> dict[str, Any]:
    job, error = item.job, rendered_error(item.error) if item.error else None
    visible = job if job is not None and job.deleted_at is None else None
    if visible is not None and visible.error_code:
        error = {"code": visible.error_code, "message": str(visible.error)}
    elif file is None and status_of(item) in {State.COMPLETED, "deleted"}:
        error = {"code": "expired", "message": "The video's file was deleted."}
    return {
        "index": item.index,
        "custom_id": item.custom_id or None,
        "status": status_of(item),
        "video": visible.public_id if visible else None,
        "file": file,
        "seed": visible.seed if visible else None,
        "error": error,
    }


def _zip_info(name: str) -> ZipInfo:
    return ZipInfo(name, timezone.now().timetuple()[:6])
