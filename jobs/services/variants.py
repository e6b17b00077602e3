"""What can be had of a finished video: the film itself, its poster, and what is made of it on demand and then kept.

Making takes the processor for a second or so: a process makes few at once, and one file is made by one process alone.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfileobj

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

from common.errors import Conflict, Gone, Overloaded
from common.slots import Slots
from inference.errors import EncodingFailed
from inference.films import Sheet, film_to_gif, film_to_sheet
from jobs.models import Job, KeptVariant
from jobs.services.storage import answering
from jobs.states import State

log = structlog.get_logger(__name__)

VIDEO, THUMBNAIL, GIF, SPRITESHEET = "video", "thumbnail", "gif", "spritesheet"
VARIANTS = (VIDEO, GIF, THUMBNAIL, SPRITESHEET)

Make = Callable[[Job, Path, Path], None]

# Calls that make something, or wait until another process has made it.
_MAKERS = Slots("makers", work="files being made", most=4)
# Of one team, in all processes.
_TEAM_SHARE, _LONGEST_SECONDS = 2, 90
_PATIENCE_SECONDS, _LOOK_SECONDS = 20.0, 0.1


def variant_key(job: Job, variant: str) -> str:
    """Where a variant is stored; one that is made on demand is made now if it was not before.

    Raises Conflict before the video is made, Gone after its retention, Overloaded or TooManyAtOnce while too much is
    being made.
    """
    if job.state != State.COMPLETED:
        message = f"There is no video yet: its status is {job.state}."
        if job.is_terminal:
            message = f"There is no video and will be none: its status is {job.state}. Make another."
        raise Conflict(message, code="not_ready")
    if job.is_gone:
        raise Gone("The video has outlived its retention and was deleted.")
    if variant in {VIDEO, job.output_format}:
        return job.result_key
    if variant == THUMBNAIL:
        return job.poster_key
    return _kept(job, variant) or _made_once(job, variant)


def sheet_of(job: Job) -> Sheet:
    """How a video's frames lie on its sprite sheet."""
    return Sheet.of(width=job.width, height=job.height, num_frames=job.num_frames)


def _gif(job: Job, film: Path, path: Path) -> None:
    film_to_gif(film, job.fps, path)


def _spritesheet(job: Job, film: Path, path: Path) -> None:
    film_to_sheet(film, sheet_of(job), path)


_MADE: dict[str, tuple[str, Make]] = {GIF: ("video.gif", _gif), SPRITESHEET: ("spritesheet.jpg", _spritesheet)}


def keys_of_made(job: Job) -> set[str]:
    """Where what is made on demand lies, whether it was made or not."""
    return {_key_beside(job, name) for name, _ in _MADE.values()} if job.result_key else set()


def _key_beside(job: Job, name: str) -> str:
    return f"{job.result_key.rpartition('/')[0]}/{name}"


def _kept(job: Job, variant: str) -> str | None:
    """None where it was not made, and where its file is lost: then it is made anew."""
    key = KeptVariant.objects.filter(job=job, name=variant).values_list("key", flat=True).first()
    with answering():
        return key if key and default_storage.exists(key) else None


def _made_once(job: Job, variant: str) -> str:
    with (
        _MAKERS.taken(team_id=job.team_id, share=_TEAM_SHARE, seconds=_LONGEST_SECONDS),
        _alone(f"variant:{job.id}:{variant}"),
    ):
        return _kept(job, variant) or _make(job, variant)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """One at a time under this name, among all processes. Held by the session and not by a transaction: it is long."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while not _ask("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name):
        if time.monotonic() > give_up:
            message = "This file is still being made. Try again in a moment."
            raise Overloaded(message)
        time.sleep(_LOOK_SECONDS)
    try:
        yield
    finally:
        _ask("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)


def _ask(sql: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, [name])
        return bool(cursor.fetchone()[0])


def _make(job: Job, variant: str) -> str:
    """Makes and stores it. Its row comes last: what a process left half made when it died is made anew, and over it."""
    name, make = _MADE[variant]
    key = _key_beside(job, name)
    started = time.monotonic()
    try:
        with answering(), tempfile.TemporaryDirectory(prefix="variant-") as folder:
            film, path = Path(folder, f"film.{job.output_format}"), Path(folder, name)
            with default_storage.open(job.result_key) as stored, film.open("wb") as file:
                copyfileobj(stored, file)
            make(job, film, path)
            _store(key, path)
    except EncodingFailed as error:
        log.error("variant_not_made", task_id=job.public_id, variant=variant, reason=error.message)
        message = f"This video's file cannot be read, so there is no {variant} of it. Make the video again."
        raise Conflict(message, code="file_damaged") from error
    if not _note(job, variant, key):
        _drop(key)
        raise Gone("The video was deleted meanwhile.")
    log.info("variant_made", task_id=job.public_id, variant=variant, seconds=round(time.monotonic() - started, 3))
    return key


def _store(key: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            default_storage.save(key, File(file))
    except OSError:
        _drop(key)
        raise


def _drop(key: str) -> None:
    """What cannot be deleted now goes with the video, or to the sweep of orphans."""
    with suppress(OSError):
        default_storage.delete(key)


@transaction.atomic
def _note(job: Job, variant: str, key: str) -> bool:
    """Returns False for a video that was deleted meanwhile; the lock keeps it from being so until the row is there."""
    present = Job.objects.select_for_update().get(pk=job.pk)
    if present.deleted_at is not None or present.is_gone:
        return False
    KeptVariant.objects.bulk_create([KeptVariant(job=job, name=variant, key=key)], ignore_conflicts=True)
    return True
