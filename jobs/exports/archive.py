"""Write the archive of a person's data to a local file in chunks, so that no file is in memory as a whole."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from accounts.models import User
from jobs.exports.records import records_of, visible_videos
from jobs.models import Job

_CHUNK_BYTES = 1 << 20


def write_archive(*, user: User, path: Path, renew_lease: Callable[[], None]) -> None:
    """Write all data of a person to `path` as a zip.

    renew_lease: called after each file. An exception that it raises stops the work.
    """
    with ZipFile(path, "w", allowZip64=True) as archive:
        for name, records in records_of(user):
            _write_records(archive, name, records)
            renew_lease()
        for job in visible_videos(user).iterator(500):
            for name, key in _files_of(job):
                _copy(archive, name, key)
            renew_lease()


def _write_records(archive: ZipFile, name: str, records: Iterable[dict[str, Any]]) -> None:
    with archive.open(_entry(name, ZIP_DEFLATED), "w", force_zip64=True) as file:
        separator = b"[\n"
        for record in records:
            file.write(separator + json.dumps(record, cls=DjangoJSONEncoder, ensure_ascii=False).encode())
            separator = b",\n"
        file.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _files_of(job: Job) -> Iterator[tuple[str, str]]:
    """Yield (name in the archive, key in the storage) of the images, and of the video if there is one."""
    if job.is_gone:
        return
    if job.has_image:
        yield f"videos/{job.public_id}.picture.png", job.source_key
    if job.last_image_key:
        yield f"videos/{job.public_id}.last_picture.png", job.last_image_key
    if job.result_key:
        yield f"videos/{job.public_id}.{job.output_format}", job.result_key


def _copy(archive: ZipFile, name: str, key: str) -> None:
    try:
        source = default_storage.open(key)
    except FileNotFoundError:
        return  # deleted after its row was read
    # Videos and images are compressed already.
    with source, archive.open(_entry(name, ZIP_STORED), "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, _CHUNK_BYTES)


def _entry(name: str, compression: int) -> ZipInfo:
    entry = ZipInfo(name, timezone.now().timetuple()[:6])
    entry.compress_type = compression
    return entry
