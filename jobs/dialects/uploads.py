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
from common.errors import Gone, LimitExceeded, NotFound, Overloaded
from common.ids import new_id, parse_public_id, public_id
from common.slots import Slots
from jobs.services.storage import TEAMS_FOLDER, delete_folder

log = structlog.get_logger(__name__)

KEPT = timedelta(hours=1)
# Between two looks for those whose hour is over.
SWEEP_SECONDS = 300
MOST_BYTES = 1_000_000_000
# Each costs folders and a look, however small it is.
MOST_FILES = 1000
# One waits for the other behind a lock, each with a database connection of its own.
_UPLOADS = Slots("uploads", work="files being uploaded", most=8)
_TEAM_SHARE, _LONGEST_SECONDS = 4, 60


@dataclass(frozen=True)
class Upload:
    """What was said of a file when it came."""

    name: str
    content_type: str
    size: int
    sha256: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class Place:
    """Where an upload lies: `teams/7/uploads/<id>-<size>`. It is whole once its `about.json` is there."""

    folder: str
    id: uuid.UUID
    size: int

    @property
    def public_id(self) -> str:
        return public_id("file", self.id)

    @property
    def created_at(self) -> datetime:
        return datetime.fromtimestamp(_seconds_of(self.id), UTC)

    @property
    def expires_at(self) -> datetime:
        return self.created_at + KEPT

    @property
    def is_over(self) -> bool:
        return self.expires_at <= datetime.now(UTC)


class Shelf:
    """A team's uploads. `address`: what theirs begin with, where they are seen from outside."""

    def __init__(self, team: Team, address: str) -> None:
        self.address = address
        self._team_id = team.pk
        self._folder = _folder_of(team.pk)

    def places(self) -> list[Place]:
        """Those that are still kept, newest first."""
        return sorted((place for place in _places(self._folder) if not place.is_over), key=lambda p: p.id, reverse=True)

    def put(self, content: bytes, *, name: str, content_type: str, metadata: Mapping[str, str]) -> Place:
        """Raises LimitExceeded where the team keeps as much as it may, Overloaded when the storage does not answer.

        Raises TooManyAtOnce or Overloaded, too, where too many come at once.
        """
        identifier = new_id()
        place = Place(f"{self._folder}/{identifier.hex}-{len(content)}", identifier, len(content))
        digest = hashlib.sha256(content).hexdigest()
        upload = Upload(name[:200], content_type[:100], len(content), digest, dict(metadata))
        with _UPLOADS.taken(team_id=self._team_id, share=_TEAM_SHARE, seconds=_LONGEST_SECONDS), _storing(place):
            self._reserve(place)
            default_storage.save(f"{place.folder}/content", ContentFile(content))
            default_storage.save(f"{place.folder}/about.json", ContentFile(json.dumps(asdict(upload)).encode()))
        return place

    @transaction.atomic
    def _reserve(self, place: Place) -> None:
        """Counts, and makes the folder that the next one counts: one of a team at a time, so that the bound holds.

        The lock is held for a look and an empty file; the content comes behind it.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [self._folder])
        kept = self.places()
        if len(kept) >= MOST_FILES or sum(other.size for other in kept) + place.size > MOST_BYTES:
            message = (
                f"Uploads of the last hour are {MOST_FILES} files or fill {MOST_BYTES // 10**6} MB. Delete some,"
                " or wait until they are gone."
            )
            raise LimitExceeded(message, code="uploads_full", retry_after_seconds=600)
        default_storage.save(f"{place.folder}/reserved", ContentFile(b""))

    def find(self, identifier: str) -> Place:
        """Raises NotFound, for another team's exactly as for an absent one."""
        wanted = parse_public_id("file", identifier)
        place = next((place for place in self.places() if place.id == wanted), None)
        if place is None:
            raise NotFound(f"No file with the id {identifier!r}.")
        return place

    def about(self, place: Place) -> Upload:
        return Upload(**json.loads(_read(place, "about.json")))

    def at_address(self, address: str) -> SimpleUploadedFile | None:
        """The file behind an address of ours; None for any other address. Raises NotFound, or Gone after its hour."""
        if not address.startswith(self.address):
            return None
        identifier = address.removeprefix(self.address)
        try:
            place = self.find(identifier)
            return SimpleUploadedFile(place.public_id, _read(place, "content"))
        except NotFound as error:
            if _seconds_of(parse_public_id("file", identifier)) < (datetime.now(UTC) - KEPT).timestamp():
                message = "This file was uploaded more than an hour ago and is gone. Upload the picture again."
                raise Gone(message, code="upload_expired") from None
            raise NotFound(f"{error.message} Upload the picture again.") from None

    def drop(self, place: Place) -> None:
        delete_folder(place.folder)


def sweep_uploads() -> int:
    """Deletes what has outlived its hour; returns how many there were. Several processes may run it at once."""
    over = [place for team in _folders_in(TEAMS_FOLDER) for place in _places(_folder_of(team)) if place.is_over]
    for place in over:
        delete_folder(place.folder)
    return len(over)


@contextmanager
def _storing(place: Place) -> Iterator[None]:
    """What breaks off half way leaves nothing, where the storage lets it. Raises Overloaded."""
    try:
        yield
    except Exception as error:
        with suppress(OSError):
            delete_folder(place.folder)
        if not isinstance(error, OSError):
            raise
        log.error("storage_failed", reason=str(error))
        raise Overloaded("The storage does not answer. Try again in a moment.") from error


def _seconds_of(identifier: uuid.UUID) -> float:
    """Since 1970: UUIDv7 begins with the milliseconds. What a stranger wrote may lie behind the last date."""
    return (identifier.int >> 80) / 1000


def _folder_of(team: int | str) -> str:
    return f"{TEAMS_FOLDER}/{team}/uploads"


def _places(folder: str) -> Iterator[Place]:
    for name in _folders_in(folder):
        digits, _, size = name.partition("-")
        if len(digits) == 32 and size.isdigit():
            yield Place(f"{folder}/{name}", uuid.UUID(hex=digits), int(size))


def _folders_in(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[0]
    except FileNotFoundError:
        return []


def _read(place: Place, name: str) -> bytes:
    """Raises NotFound: it may be swept between two looks."""
    try:
        with default_storage.open(f"{place.folder}/{name}") as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        raise NotFound(f"No file with the id {place.public_id!r}.") from None
