"""The files of jobs in the storage, and their keys.

Each attempt writes under its own prefix, so that a fenced-off worker can never overwrite what its successor published.
"""

import uuid
from collections.abc import Generator, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from common.errors import Gone, Overloaded
from jobs.models import Job

log = structlog.get_logger(__name__)

MIME_TYPES = {"mp4": "video/mp4", "gif": "image/gif", "jpg": "image/jpeg", "png": "image/png"}
# What a response with a file has in memory at a time.
CHUNK_BYTES = 1 << 18

TEAMS_FOLDER = "teams"
SOURCE_NAME, _LAST_IMAGE_NAME = "source.png", "last.png"


def source_key(team_id: int, folder_id: uuid.UUID) -> str:
    """Return the key of the normalized source image in a new folder.

    folder_id: a UUIDv7. It is the job's id, unless that changes when the job is accepted (`quota.services.reserve`).
    """
    return f"{TEAMS_FOLDER}/{team_id}/videos/{folder_id.hex}/{SOURCE_NAME}"


def job_folder(job: Job) -> str:
    """Return the prefix of all keys of a job."""
    return job.source_key.removesuffix(f"/{SOURCE_NAME}")


def last_image_key(job: Job) -> str:
    """Return the key of the normalized last image of a job that has one."""
    return f"{job_folder(job)}/{_LAST_IMAGE_NAME}"


def attempt_key(job: Job, attempt: int, name: str) -> str:
    """Return the key of a result of one attempt, such as `video.mp4`."""
    return f"{job_folder(job)}/{attempt}/{name}"


def mime_type(key: str) -> str:
    return MIME_TYPES.get(key.rpartition(".")[2], "application/octet-stream")


def signed_url(key: str, *, max_age_seconds: int, disposition: str) -> str | None:
    """Return a URL of the storage for an object, valid for that time; None if clients cannot reach the storage."""
    sign = getattr(default_storage, "signed_url", None)
    return sign and sign(key, max_age_seconds=max_age_seconds, content_type=mime_type(key), disposition=disposition)


def file_chunks(key: str, start: int, stop: int) -> Generator[bytes]:
    """Yield the bytes of an object from `start` to before `stop`. No file is held open between two chunks.

    Raise OSError if the object ends before.
    """
    for position in range(start, stop, CHUNK_BYTES):
        yield read_range(key, position, min(position + CHUNK_BYTES, stop))


def read_range(key: str, start: int, stop: int) -> bytes:
    """Return the bytes of an object from `start` to before `stop`. Raise OSError if the object ends before."""
    content = _read_range(key, start, stop) if stop > start else b""
    if len(content) != stop - start:
        raise OSError(f"{key} ends after {start + len(content)} bytes")
    return content


def _read_range(key: str, start: int, stop: int) -> bytes:
    read = getattr(default_storage, "read_range", None)
    if read is not None:
        content: bytes = read(key, start, stop)
        return content
    with default_storage.open(key) as file:
        file.seek(start)
        return bytes(file.read(stop - start))


def load_file(key: str, *, missing: Exception | None = None) -> bytes:
    """Return a whole object. Raise `missing` if it does not exist, or Overloaded if the storage does not respond."""
    with translate_storage_errors(missing=missing), default_storage.open(key) as file:
        content: bytes = file.read()
        return content


@contextmanager
def translate_storage_errors(*, missing: Exception | None = None) -> Iterator[None]:
    """Raise an error of the API instead of an error of the storage, around code that reads an object.

    missing: the error for an object that does not exist. By default it is Gone, about the file of a video.
    """
    try:
        yield
    except FileNotFoundError:
        raise missing or Gone("The file of this video no longer exists. Generate the video again.") from None
    except OSError as error:
        raise _outage(error) from error


def store_file(key: str, content: bytes) -> str:
    """Store an object and return its key. Raise Overloaded if the storage does not accept it."""
    try:
        return default_storage.save(key, ContentFile(content))
    except OSError as error:  # FileNotFoundError too: a folder that was lost is an outage
        raise _outage(error) from error


def _outage(error: OSError) -> Overloaded:
    """Return the error for clients if the storage fails. Log the reason."""
    log.warning("storage_unavailable", reason=str(error))
    return Overloaded("The storage does not respond. Try again in a moment.")


class SourceImageMissing(Gone):
    """There is no such image: it was deleted with its video or after its retention period, or there never was one."""


def load_source_image(job: Job, *, code: str | None = None, param: str | None = None) -> bytes:
    """Return the source image of a job as PNG. Everything that reads such an image calls this function.

    Raise SourceImageMissing, with that code and param, or Overloaded if the storage does not respond.
    """
    if not job.has_image:
        raise SourceImageMissing("This video was made without an image.", code=code, param=param)
    return _load_image(job, job.source_key, code=code, param=param)


def load_last_image(job: Job, *, code: str | None = None, param: str | None = None) -> bytes:
    """Do the same for the last image."""
    if not job.last_image_key:
        raise SourceImageMissing("This video was made without a last image.", code=code, param=param)
    return _load_image(job, job.last_image_key, code=code, param=param)


def _load_image(job: Job, key: str, *, code: str | None, param: str | None) -> bytes:
    missing = SourceImageMissing(
        "The image of this video was deleted. Create a new video and send the image again.", code=code, param=param
    )
    if job.is_gone:
        raise missing
    try:
        return load_file(key, missing=missing)
    except SourceImageMissing:
        if is_missing(key):
            raise
        raise _outage(FileNotFoundError(f"{key} cannot be read, but is not missing")) from None


class ExtendedVideoMissing(Exception):
    """The video that a job continues was deleted, so that nothing can be joined with it."""


def copy_extended_video(job: Job, path: Path) -> None:
    """Copy the video that the job continues to a file.

    Raise ExtendedVideoMissing, or OSError if the storage or the disk fails.
    """
    assert job.extends is not None  # noqa: S101 (the caller has a job that continues a video)
    key = Job.objects.values_list("result_key", flat=True).get(pk=job.extends, team=job.team_id)
    try:
        with default_storage.open(key) as stored, path.open("wb") as file:
            copyfileobj(stored, file)
    except FileNotFoundError:
        if is_missing(key):
            raise ExtendedVideoMissing from None
        raise


def is_missing(key: str) -> bool:
    """Return whether an object is missing from a storage that is mounted, before and after the check.

    If the storage is not mounted, its objects are not missing. It may also be mounted again between a failed read and
    this check.
    """
    try:
        return _is_mounted() and not default_storage.exists(key) and _is_mounted()
    except OSError:
        return False


def _is_mounted() -> bool:
    """Return False for an empty mount point: a storage with jobs has at least one source image."""
    return TEAMS_FOLDER in default_storage.listdir("")[0]


def delete_folder(folder: str) -> None:
    """Delete every object below a folder. A folder that does not exist is not an error."""
    prune_folder(folder, keep=set())


def prune_folder(folder: str, *, keep: Set[str]) -> int:
    """Delete every object below a folder except the keys to keep. Return the number of deleted objects."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return 0
    keys = [key for name in files if (key := f"{folder}/{name}") not in keep]
    for key in keys:
        default_storage.delete(key)
    count = len(keys) + sum(prune_folder(f"{folder}/{name}", keep=keep) for name in folders)
    # Empty local folders have to be deleted, too. Object stores have no folders and ignore this.
    if not any(key.startswith(f"{folder}/") for key in keep):
        default_storage.delete(folder)
    return count
