"""Renditions of a finished video: the video itself, its poster, and files that are rendered on demand and then stored.

Rendering takes about a second of CPU time. A process renders few files at once, and only one process renders a file.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction

from common.advisory_lock import LockTimeout, session_lock
from common.errors import Conflict, Gone, Overloaded
from inference.errors import EncodingError
from inference.video_files import SpriteSheet, video_to_gif, video_to_sprite_sheet
from jobs.models import Job, Rendition
from jobs.storage.files import translate_storage_errors
from jobs.videos.video_file import local_file, render_slot, require_file

log = structlog.get_logger(__name__)

VIDEO, THUMBNAIL, GIF, SPRITESHEET = "video", "thumbnail", "gif", "spritesheet"
VARIANTS = (VIDEO, GIF, THUMBNAIL, SPRITESHEET)

Renderer = Callable[[Job, Path, Path], None]

_LOCK_TIMEOUT_SECONDS = 20.0


def variant_key(job: Job, variant: str) -> str:
    """Return the storage key of a variant. An on-demand variant that does not exist yet is rendered first.

    Raise Conflict if the video is not completed, Gone after its retention period, and Overloaded or
    ConcurrencyLimitExceeded while too many files are being rendered.
    """
    require_file(job)
    if variant in {VIDEO, job.output_format}:
        return job.result_key
    if variant == THUMBNAIL:
        return job.poster_key
    return _stored_key(job, variant) or _render_once(job, variant)


def sprite_sheet_of(job: Job) -> SpriteSheet:
    """Return the layout of a video's sprite sheet."""
    return SpriteSheet.of(width=job.width, height=job.height, num_frames=job.total_frames)


def _render_gif(job: Job, video: Path, path: Path) -> None:
    video_to_gif(video, job.fps, path)


def _render_sprite_sheet(job: Job, video: Path, path: Path) -> None:
    video_to_sprite_sheet(video, sprite_sheet_of(job), path)


_RENDERERS: dict[str, tuple[str, Renderer]] = {
    GIF: ("video.gif", _render_gif),
    SPRITESHEET: ("spritesheet.jpg", _render_sprite_sheet),
}


def on_demand_keys(job: Job) -> set[str]:
    """Return the storage keys of the on-demand variants, whether they exist or not."""
    return {_sibling_key(job, name) for name, _ in _RENDERERS.values()} if job.result_key else set()


def _sibling_key(job: Job, name: str) -> str:
    return f"{job.result_key.rpartition('/')[0]}/{name}"


def _stored_key(job: Job, variant: str) -> str | None:
    """Return the key of a stored variant. None if it must be rendered: there is none yet, or its file is lost."""
    key = Rendition.objects.filter(job=job, name=variant).values_list("key", flat=True).first()
    with translate_storage_errors():
        return key if key and default_storage.exists(key) else None


def _render_once(job: Job, variant: str) -> str:
    # A lock of the session, not of a transaction: rendering takes long.
    lock = session_lock(f"variant:{job.id}:{variant}", timeout_seconds=_LOCK_TIMEOUT_SECONDS)
    try:
        with render_slot(job.team_id), lock:
            return _stored_key(job, variant) or _render(job, variant)
    except LockTimeout:
        raise Overloaded("This file is still being created. Try again in a moment.") from None


def _render(job: Job, variant: str) -> str:
    """Render and store a variant and return its key.

    The row is written last: a file that a dying process left incomplete is overwritten.
    """
    name, render = _RENDERERS[variant]
    key = _sibling_key(job, name)
    started = time.monotonic()
    try:
        with local_file(job) as video:
            path = video.with_name(name)
            render(job, video, path)
            _store(key, path)
    except EncodingError as error:
        log.error("rendition_failed", task_id=job.public_id, variant=variant, reason=error.message)
        raise Conflict(
            "The variant %(variant)s cannot be created because the file of this video is damaged. "
            "Create the video again.",
            {"variant": variant},
            code="file_damaged",
        ) from error
    if not _record_rendition(job, variant, key):
        _discard(key)
        raise Gone("The video was deleted while this file was being created.")
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
    """Delete a file. If that fails, it is deleted with the video or by the sweep of orphans."""
    with suppress(OSError):
        default_storage.delete(key)


@transaction.atomic
def _record_rendition(job: Job, variant: str, key: str) -> bool:
    """Write the row, under a lock that prevents a deletion meanwhile. Return False if the video was deleted before."""
    current = Job.objects.select_for_update().get(pk=job.pk)
    if current.deleted_at is not None or current.is_gone:
        return False
    Rendition.objects.bulk_create([Rendition(job=job, name=variant, key=key)], ignore_conflicts=True)
    return True
