"""Where a job's files lie in the storage, by key.

Every attempt writes below a key of its own: a worker that was fenced off can never overwrite what its successor
published.
"""

import uuid
from collections.abc import Iterator, Set
from contextlib import contextmanager

import structlog
from django.core.files.storage import default_storage

from common.errors import Gone, Overloaded

log = structlog.get_logger(__name__)

MIME_TYPES = {"mp4": "video/mp4", "gif": "image/gif", "jpg": "image/jpeg", "png": "image/png"}


TEAMS_FOLDER = "teams"


def job_folder(team_id: int, job_id: uuid.UUID) -> str:
    return f"{TEAMS_FOLDER}/{team_id}/videos/{job_id.hex}"


def source_key(team_id: int, job_id: uuid.UUID) -> str:
    """The normalised source picture."""
    return f"{job_folder(team_id, job_id)}/source.png"


def attempt_key(team_id: int, job_id: uuid.UUID, attempt: int, name: str) -> str:
    """A result of one attempt, such as `video.mp4`."""
    return f"{job_folder(team_id, job_id)}/{attempt}/{name}"


def mime_type(key: str) -> str:
    return MIME_TYPES.get(key.rpartition(".")[2], "application/octet-stream")


def signed_url(key: str, *, max_age_seconds: int, disposition: str) -> str | None:
    """The storage's own address for an object, good for so long; None where it has none, or none for clients."""
    sign = getattr(default_storage, "signed_url", None)
    return sign and sign(key, max_age_seconds=max_age_seconds, content_type=mime_type(key), disposition=disposition)


@contextmanager
def translate_storage_errors() -> Iterator[None]:
    """Raises Gone for an object that is not in the storage, Overloaded where the storage itself is away."""
    try:
        yield
    except FileNotFoundError:
        raise Gone("The video's file is not there any more.") from None
    except OSError as error:
        log.warning("storage_unavailable", reason=str(error))
        raise Overloaded("The storage does not answer. Try again in a moment.") from error


def is_missing(key: str) -> bool:
    """Whether an object is missing from a storage that is there, before and after the look.

    An absent mount loses nothing, and one may come back between a failed read and the question why it failed.
    """
    try:
        return _is_mounted() and not default_storage.exists(key) and _is_mounted()
    except OSError:
        return False


def _is_mounted() -> bool:
    """An empty mount point is none: somebody's picture must have been in the storage."""
    return TEAMS_FOLDER in default_storage.listdir("")[0]


def delete_folder(folder: str) -> None:
    """Deletes every object below a folder. Deleting what is gone already is no error."""
    prune_folder(folder, keep=set())


def prune_folder(folder: str, *, keep: Set[str]) -> int:
    """Deletes every object below a folder but the keys to keep; returns how many there were."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return 0
    gone = [key for name in files if (key := f"{folder}/{name}") not in keep]
    for key in gone:
        default_storage.delete(key)
    count = len(gone) + sum(prune_folder(f"{folder}/{name}", keep=keep) for name in folders)
    # Local folders stay behind empty, object stores have none: deleting the name serves both.
    if not any(key.startswith(f"{folder}/") for key in keep):
        default_storage.delete(folder)
    return count
