"""The videos of a batch as a zip, which is created while it is sent. At most one chunk is in memory at a time."""

import re
from collections.abc import Generator, Mapping
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from django.core.files.storage import default_storage
from django.utils import timezone

from common.errors import Conflict
from common.streaming import release_connections
from common.text import json_line
from jobs.api.errors import rendered_error
from jobs.batches.models import Batch, BatchItem
from jobs.batches.progress import filter_by_status, status_of
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import file_chunks

MANIFEST = "manifest.jsonl"
_UNSAFE_NAME_CHARACTERS = re.compile(r"[^A-Za-z0-9_-]+")


def check_results(batch: Batch) -> None:
    """Raise Conflict while no video is ready but some are not finished."""
    if not batch.is_finished and not filter_by_status(batch.items.all(), State.COMPLETED).exists():
        raise Conflict("No video of this batch is ready yet. Try again later.", code="not_ready")


def zip_chunks(batch: Batch) -> Generator[bytes]:
    """Yield the zip in chunks. Videos are compressed already, so they are stored as they are; the manifest is last.

    Each video is looked up when it is its turn, so that a slow client gets none that was deleted meanwhile.
    """
    sink = _ZipBuffer()
    manifest = []
    indexes = list(batch.items.order_by("index").values_list("index", flat=True))
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for index in indexes:
            item = batch.items.select_related("job").get(index=index)
            release_connections()
            name = None
            if (size := _video_size(item)) is not None:
                name = _file_name(item)
                yield from _entry_chunks(archive, sink, _zip_info(name, size), item)
            manifest.append(json_line(_manifest_line(item, name)))
        archive.writestr(_zip_info(MANIFEST), "\n".join(manifest) + "\n")
    yield sink.pop_bytes()


def _entry_chunks(archive: ZipFile, sink: "_ZipBuffer", info: ZipInfo, item: BatchItem) -> Generator[bytes]:
    job: Job = item.job  # type: ignore[assignment] # an item with a file has a job
    with archive.open(info, "w") as entry:
        for chunk in file_chunks(job.result_key, 0, info.file_size):
            entry.write(chunk)
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


def _video_size(item: BatchItem) -> int | None:
    """Return the size of the video's file; None if there is none."""
    if item.job is None or status_of(item) != State.COMPLETED or item.job.is_gone:
        return None
    try:
        return default_storage.size(item.job.result_key)
    except FileNotFoundError:  # deleted after its row was read
        return None


def _file_name(item: BatchItem) -> str:
    job: Job = item.job  # type: ignore[assignment] # an item with a file has a job
    name = _UNSAFE_NAME_CHARACTERS.sub("_", item.custom_id).strip("_") or job.public_id
    return f"{item.index:03}-{name}.{job.output_format}"


def _manifest_line(item: BatchItem, file: str | None) -> dict[str, Any]:
    job = item.job
    error: Mapping[str, Any] | None = rendered_error(item.error) if item.error else None
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


def _zip_info(name: str, size: int = 0) -> ZipInfo:
    """Return the header of an entry. From its size the zip decides whether it needs the format for large files."""
    info = ZipInfo(name, timezone.now().timetuple()[:6])
    info.file_size = size
    return info
