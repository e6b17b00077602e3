"""Pictures that a program uploads before it asks for videos of them: kept for an hour, in its team's own folder.

Without a row in the database: the id is made of the moment, and the folder's name holds the size, so that one look
at the names tells what a team keeps.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction

from accounts.models import Team
from common.concurrency import ConcurrencyLimiter
from common.errors import Gone, LimitExceeded, NotFound, Overloaded
from common.ids import new_id, parse_public_id, public_id
from common.messages import Message
from jobs.storage.files import TEAMS_FOLDER, delete_folder

log = structlog.get_logger(__name__)

UPLOAD_RETENTION = timedelta(hours=1)
# Between two looks for those whose hour is over.
SWEEP_INTERVAL_SECONDS = 300
MAX_BYTES_PER_TEAM = 1_000_000_000
# Each costs folders and a look, however small it is.
MAX_FILES_PER_TEAM = 1000
# One waits for the other behind a lock, each with a database connection of its own.
_UPLOAD_LIMITER = ConcurrencyLimiter("uploads", work=Message("files being uploaded"), process_limit=8)
_MAX_UPLOADS_PER_TEAM, _UPLOAD_TIMEOUT_SECONDS = 4, 60


@dataclass(frozen=True)
class UploadMetadata:
    """What was said of a file when it came."""

    name: str
    content_type: str
    size: int
    sha256: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class StoredUpload:
    """Where an upload lies: `teams/7/uploads/<id>-<size>`. It is whole once its `about.json` is there."""

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
    """A team's uploads. `address`: what theirs begin with, where they are seen from outside."""

    def __init__(self, team: Team, address: str) -> None:
        self.address = address
        self._team_id = team.pk
        self._folder = _folder_of(team.pk)

    def list_uploads(self) -> list[StoredUpload]:
        """Those that are still kept, newest first."""
        return sorted(
            (stored for stored in _stored_uploads(self._folder) if not stored.is_expired),
            key=lambda p: p.id,
            reverse=True,
        )

    def put(self, content: bytes, *, name: str, content_type: str, metadata: Mapping[str, str]) -> StoredUpload:
        """Raises LimitExceeded where the team keeps as much as it may, Overloaded when the storage does not answer.

        Raises TooManyAtOnce or Overloaded, too, where too many come at once.
        """
        identifier = new_id()
        stored = StoredUpload(f"{self._folder}/{identifier.hex}-{len(content)}", identifier, len(content))
        digest = hashlib.sha256(content).hexdigest()
        upload = UploadMetadata(name[:200], content_type[:100], len(content), digest, dict(metadata))
        with (
            _UPLOAD_LIMITER.acquire(
                team_id=self._team_id, team_limit=_MAX_UPLOADS_PER_TEAM, expires_after_seconds=_UPLOAD_TIMEOUT_SECONDS
            ),
            _delete_on_failure(stored),
        ):
            self._reserve(stored)
            default_storage.save(f"{stored.folder}/content", ContentFile(content))
            default_storage.save(f"{stored.folder}/about.json", ContentFile(json.dumps(asdict(upload)).encode()))
        return stored

    @transaction.atomic
    def _reserve(self, stored: StoredUpload) -> None:
        """Counts, and makes the folder that the next one counts: one of a team at a time, so that the bound holds.

        The lock is held for a look and an empty file; the content comes behind it.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [self._folder])
        kept = self.list_uploads()
        if len(kept) >= MAX_FILES_PER_TEAM or sum(other.size for other in kept) + stored.size > MAX_BYTES_PER_TEAM:
            message = (
                f"Uploads of the last hour are {MAX_FILES_PER_TEAM} files or fill {MAX_BYTES_PER_TEAM // 10**6} MB. Delete some,"
                " or wait until they are gone."
            )
            raise LimitExceeded(message, code="uploads_full", retry_after_seconds=600)
        default_storage.save(f"{stored.folder}/reserved", ContentFile(b""))

    def find(self, identifier: str) -> StoredUpload:
        """Raises NotFound, for another team's exactly as for an absent one."""
        wanted = parse_public_id("file", identifier)
        stored = next((stored for stored in self.list_uploads() if stored.id == wanted), None)
        if stored is None:
            raise NotFound(f"No file with the id {identifier!r}.")
        return stored

    def metadata(self, stored: StoredUpload) -> UploadMetadata:
        return UploadMetadata(**json.loads(_read(stored, "about.json")))

    def resolve_url(self, address: str) -> SimpleUploadedFile | None:
        """The file behind an address of ours; None for any other address. Raises NotFound, or Gone after its hour."""
        if not address.startswith(self.address):
            return None
        identifier = address.removeprefix(self.address)
        try:
            stored = self.find(identifier)
            return SimpleUploadedFile(stored.public_id, _read(stored, "content"))
        except NotFound as error:
            if _timestamp_of(parse_public_id("file", identifier)) < (datetime.now(UTC) - UPLOAD_RETENTION).timestamp():
                message = "This file was uploaded more than an hour ago and is gone. UploadMetadata the picture again."
                raise Gone(message, code="upload_expired") from None
            raise NotFound(f"{error.message} Upload the picture again.") from None

    def delete(self, stored: StoredUpload) -> None:
        delete_folder(stored.folder)


def sweep_uploads() -> int:
    """Deletes what has outlived its hour; returns how many there were. Several processes may run it at once."""
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
    """What breaks off half way leaves nothing, where the storage lets it. Raises Overloaded."""
    try:
        yield
    except Exception as error:
        with suppress(OSError):
            delete_folder(stored.folder)
        if not isinstance(error, OSError):
            raise
        log.error("storage_failed", reason=str(error))
        raise Overloaded("The storage does not answer. Try again in a moment.") from error


def _timestamp_of(identifier: uuid.UUID) -> float:
    """Since 1970: UUIDv7 begins with the milliseconds. What a stranger wrote may lie behind the last date."""
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
    """Raises NotFound: it may be swept between two looks."""
    try:
        with default_storage.open(f"{stored.folder}/{name}") as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        raise NotFound(f"No file with the id {stored.public_id!r}.") from None
