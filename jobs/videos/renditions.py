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

from common.concurrency import ConcurrencyLimiter
from common.errors import Conflict, Gone, Overloaded
from common.messages import Message
from inference.errors import EncodingError
from inference.video_files import SpriteSheet, video_to_gif, video_to_sprite_sheet
from jobs.models import Job, Rendition
from jobs.states import State
from jobs.storage.files import translate_storage_errors

log = structlog.get_logger(__name__)

VIDEO, THUMBNAIL, GIF, SPRITESHEET = "video", "thumbnail", "gif", "spritesheet"
VARIANTS = (VIDEO, GIF, THUMBNAIL, SPRITESHEET)

Renderer = Callable[[Job, Path, Path], None]

# Calls that make something, or wait until another process has made it.
_RENDER_LIMITER = ConcurrencyLimiter("makers", work=Message("files being rendered"), process_limit=4)
# Of one team, in all processes.
_TEAM_LIMIT, _RENDER_TIMEOUT_SECONDS = 2, 90
_LOCK_TIMEOUT_SECONDS, _LOCK_POLL_INTERVAL_SECONDS = 20.0, 0.1


def variant_key(job: Job, variant: str) -> str:
    """Where a variant is stored; one that is made on demand is made now if it was not before.

    Raises Conflict before the video is made, Gone after its retention, Overloaded or TooManyAtOnce while too much is
    being made.
    """
    if job.state != State.COMPLETED:
        message = f"There is no video yet: its status is {job.state}."
        if job.is_finished:
            message = f"There is no video and will be none: its status is {job.state}. Make another."
        raise Conflict(message, code="not_ready")
    if job.is_gone:
        raise Gone("The video has outlived its retention and was deleted.")
    if variant in {VIDEO, job.output_format}:
        return job.result_key
    if variant == THUMBNAIL:
        return job.poster_key
    return _stored_key(job, variant) or _render_once(job, variant)


def sprite_sheet_of(job: Job) -> SpriteSheet:
    """How a video's frames lie on its sprite sheet."""
    return SpriteSheet.of(width=job.width, height=job.height, num_frames=job.num_frames)


def _render_gif(job: Job, video: Path, path: Path) -> None:
    video_to_gif(video, job.fps, path)


def _render_sprite_sheet(job: Job, video: Path, path: Path) -> None:
    video_to_sprite_sheet(video, sprite_sheet_of(job), path)


_RENDERERS: dict[str, tuple[str, Renderer]] = {
    GIF: ("video.gif", _render_gif),
    SPRITESHEET: ("spritesheet.jpg", _render_sprite_sheet),
}


def on_demand_keys(job: Job) -> set[str]:
    """Where what is made on demand lies, whether it was made or not."""
    return {_sibling_key(job, name) for name, _ in _RENDERERS.values()} if job.result_key else set()


def _sibling_key(job: Job, name: str) -> str:
    return f"{job.result_key.rpartition('/')[0]}/{name}"


def _stored_key(job: Job, variant: str) -> str | None:
    """None where it was not made, and where its file is lost: then it is made anew."""
    key = Rendition.objects.filter(job=job, name=variant).values_list("key", flat=True).first()
    with translate_storage_errors():
        return key if key and default_storage.exists(key) else None


def _render_once(job: Job, variant: str) -> str:
    with (
        _RENDER_LIMITER.acquire(
            team_id=job.team_id, team_limit=_TEAM_LIMIT, expires_after_seconds=_RENDER_TIMEOUT_SECONDS
        ),
        _advisory_lock(f"variant:{job.id}:{variant}"),
    ):
        return _stored_key(job, variant) or _render(job, variant)


@contextmanager
def _advisory_lock(name: str) -> Iterator[None]:
    """One at a time under this name, among all processes. Held by the session and not by a transaction: it is long."""
    deadline = time.monotonic() + _LOCK_TIMEOUT_SECONDS
    while not _query_bool("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name):
        if time.monotonic() > deadline:
            message = "This file is still being made. Try again in a moment."
            raise Overloaded(message)
        time.sleep(_LOCK_POLL_INTERVAL_SECONDS)
    try:
        yield
    finally:
        _query_bool("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)


def _query_bool(sql: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, [name])
        return bool(cursor.fetchone()[0])


def _render(job: Job, variant: str) -> str:
    """Makes and stores it. Its row comes last: what a process left half made when it died is made anew, and over it."""
    name, make = _RENDERERS[variant]
    key = _sibling_key(job, name)
    started = time.monotonic()
    try:
        with translate_storage_errors(), tempfile.TemporaryDirectory(prefix="variant-") as folder:
            video, path = Path(folder, f"film.{job.output_format}"), Path(folder, name)
            with default_storage.open(job.result_key) as stored, video.open("wb") as file:
                copyfileobj(stored, file)
            make(job, video, path)
            _store(key, path)
    except EncodingError as error:
        log.error("rendition_failed", task_id=job.public_id, variant=variant, reason=error.message)
        message = f"This video's file cannot be read, so there is no {variant} of it. Make the video again."
        raise Conflict(message, code="file_damaged") from error
    if not _record_rendition(job, variant, key):
        _discard(key)
        raise Gone("The video was deleted meanwhile.")
    log.info("rendition_created", task_id=job.public_id, variant=variant, seconds=round(time.monotonic() - started, 3))
    return key


def _store(key: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            default_storage.save(key, File(file))
    except OSError:
        _discard(key)
        raise


def _discard(key: str) -> None:
    """What cannot be deleted now goes with the video, or to the sweep of orphans."""
    with suppress(OSError):
        default_storage.delete(key)


@transaction.atomic
def _record_rendition(job: Job, variant: str, key: str) -> bool:
    """Returns False for a video that was deleted meanwhile; the lock keeps it from being so until the row is there."""
    present = Job.objects.select_for_update().get(pk=job.pk)
    if present.deleted_at is not None or present.is_gone:
        return False
    Rendition.objects.bulk_create([Rendition(job=job, name=variant, key=key)], ignore_conflicts=True)
    return True
