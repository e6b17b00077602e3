"""Images that a program uploads before it requests videos of them. They are kept for an hour, in the team's folder.

Uploads have no row in the database. The id contains the time of the upload and the folder's name contains the size,
so a listing of the folder shows how much a team stores.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from accounts.models import Team
from common.advisory_lock import lock_in_transaction
from common.concurrency import ConcurrencyLimiter
from common.errors import Conflict, Gone, LimitExceeded, NotFound
from common.ids import new_id, not_found, parse_public_id, public_id
from common.messages import Message
from jobs.storage.files import TEAMS_FOLDER, delete_folder, load_file, store_file, translate_storage_errors

log = structlog.get_logger(__name__)

UPLOAD_RETENTION = timedelta(hours=1)
SWEEP_INTERVAL_SECONDS = 300
MAX_BYTES_PER_TEAM = 1_000_000_000
# Each upload takes folders and makes listings slower, however small it is.
MAX_FILES_PER_TEAM = 1000
# Uploads of a team wait for each other at a lock, and each holds a database connection.
_UPLOAD_LIMITER = ConcurrencyLimiter("uploads", work=Message("files being uploaded"), process_limit=8)
_MAX_UPLOADS_PER_TEAM, _UPLOAD_TIMEOUT_SECONDS = 4, 60


@dataclass(frozen=True)
class UploadMetadata:
    """The properties of a file at its upload."""

    name: str
    content_type: str
    size: int
    sha256: str
    metadata: Any


@dataclass(frozen=True)
class StoredUpload:
    """An upload in `teams/7/uploads/<id>-<size>`. It is complete once its `about.json` exists."""

    folder: str
    id: uuid.UUID
    size: int

    @property
    def public_id(self) -> str:
        return public_id("file", self.id)

    @property
    def created_at(self) -> datetime:
        return datetime.fromtimestamp(_timestamp_of(self.id), UTC)

    @property
    def expires_at(self) -> datetime:
        return self.created_at + UPLOAD_RETENTION

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= datetime.now(UTC)


class UploadStore:
    """A team's uploads. base_url: the public URL that the URLs of its files start with."""

    def __init__(self, team: Team, base_url: str) -> None:
        self.base_url = base_url
        self._team_id = team.pk
        self._folder = _folder_of(team.pk)

    def list_uploads(self) -> list[StoredUpload]:
        """Return the uploads that have not expired, newest first."""
        with translate_storage_errors():
            uploads = [stored for stored in _stored_uploads(self._folder) if not stored.is_expired]
        return sorted(uploads, key=lambda stored: stored.id, reverse=True)

    def put(
        self, content: bytes, *, name: str, content_type: str, metadata: Any, identifier: uuid.UUID | None = None
    ) -> StoredUpload:
        """Store a file. identifier: an id that was announced before the file was sent.

        Raise Conflict if the announced file was sent already, LimitExceeded if the team's uploads have reached their
        limit, TooManyAtOnce or Overloaded if there are too many concurrent uploads, and Overloaded if the storage does
        not respond.
        """
        identifier = identifier or new_id()
        stored = StoredUpload(f"{self._folder}/{identifier.hex}-{len(content)}", identifier, len(content))
        digest = hashlib.sha256(content).hexdigest()
        upload = UploadMetadata(name[:200], content_type[:100], len(content), digest, metadata)
        with _UPLOAD_LIMITER.acquire(
            team_id=self._team_id, team_limit=_MAX_UPLOADS_PER_TEAM, expires_after_seconds=_UPLOAD_TIMEOUT_SECONDS
        ):
            self._reserve(stored)
            with _delete_on_failure(stored):
                store_file(f"{stored.folder}/content", content)
                store_file(f"{stored.folder}/about.json", json.dumps(asdict(upload)).encode())
        return stored

    @transaction.atomic
    def _reserve(self, stored: StoredUpload) -> None:
        """Check the limits and create the folder, which the next upload counts. Raise Conflict or LimitExceeded.

        A lock admits one upload of a team at a time, so that concurrent uploads cannot exceed the limits. It is held
        for a listing and an empty file; the content is stored afterwards.
        """
        lock_in_transaction(f"uploads:{self._team_id}")
        kept = self.list_uploads()
        if any(other.id == stored.id for other in kept):
            raise Conflict("This file was uploaded already. Start another upload.", code="already_uploaded")
        if len(kept) >= MAX_FILES_PER_TEAM or sum(other.size for other in kept) + stored.size > MAX_BYTES_PER_TEAM:
            raise LimitExceeded(
                "The team's uploads of the last hour have reached the limit of %(files)s files or %(megabytes)s MB."
                " Delete some, or wait until they expire.",
                {"files": MAX_FILES_PER_TEAM, "megabytes": MAX_BYTES_PER_TEAM // 10**6},
                code="uploads_full",
                retry_after_seconds=600,
            )
        store_file(f"{stored.folder}/reserved", b"")

    def find(self, identifier: str) -> StoredUpload:
        """Return the upload. Raise NotFound, which is the same for another team's upload and for an unknown id."""
        upload_id = parse_public_id("file", identifier)
        stored = next((stored for stored in self.list_uploads() if stored.id == upload_id), None)
        if stored is None:
            raise not_found("file", identifier)
        return stored

    def metadata(self, stored: StoredUpload) -> UploadMetadata:
        return UploadMetadata(**json.loads(_read(stored, "about.json")))

    def resolve_url(self, url: str) -> SimpleUploadedFile | None:
        """Return the file at a URL of ours, None for any other URL. Raise NotFound, or Gone after the retention."""
        if not url.startswith(self.base_url):
            return None
        identifier = url.removeprefix(self.base_url)
        try:
            stored = self.find(identifier)
            return SimpleUploadedFile(stored.public_id, _read(stored, "content"))
        except NotFound as error:
            if _timestamp_of(parse_public_id("file", identifier)) < (datetime.now(UTC) - UPLOAD_RETENTION).timestamp():
                raise Gone(
                    "This file was uploaded more than an hour ago and has been deleted. Upload the image again.",
                    code="upload_expired",
                ) from None
            raise NotFound("%(problem)s Upload the image again.", {"problem": error.text}) from None

    def delete(self, stored: StoredUpload) -> None:
        with translate_storage_errors():
            delete_folder(stored.folder)


def sweep_uploads() -> int:
    """Delete the expired uploads of all teams and return their number. Several processes may run it at once."""
    expired = [
        stored
        for team in _subfolders(TEAMS_FOLDER)
        for stored in _stored_uploads(_folder_of(team))
        if stored.is_expired
    ]
    for stored in expired:
        delete_folder(stored.folder)
    return len(expired)


@contextmanager
def _delete_on_failure(stored: StoredUpload) -> Iterator[None]:
    """Delete the folder of an interrupted upload, if the storage allows it."""
    try:
        yield
    except Exception:
        with suppress(OSError):
            delete_folder(stored.folder)
        raise


def _timestamp_of(identifier: uuid.UUID) -> float:
    """Return the seconds since 1970: a UUIDv7 begins with the milliseconds.

    An id that a client made up may be later than the last date of `datetime`.
    """
    return (identifier.int >> 80) / 1000


def _folder_of(team: int | str) -> str:
    return f"{TEAMS_FOLDER}/{team}/uploads"


def _stored_uploads(folder: str) -> Iterator[StoredUpload]:
    for name in _subfolders(folder):
        digits, _, size = name.partition("-")
        if len(digits) == 32 and size.isdigit():
            yield StoredUpload(f"{folder}/{name}", uuid.UUID(hex=digits), int(size))


def _subfolders(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[0]
    except FileNotFoundError:
        return []


def _read(stored: StoredUpload, name: str) -> bytes:
    """Return a file of the upload. Raise NotFound: another process may delete the upload after the listing."""
    return load_file(f"{stored.folder}/{name}", missing=not_found("file", stored.public_id))
