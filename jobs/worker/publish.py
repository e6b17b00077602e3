"""From frames to a published video: encode, store under the attempt's key, close the job.

Runs in a thread of the worker, so that the GPU already makes the next clip meanwhile.
"""

import time
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from inference.encoding import write_gif, write_mp4, write_poster

from inference.errors import EncodingFailed
from jobs.models import Job
from jobs.services.close import Published, complete_job, crash_job, hand_back
from jobs.services.storage import attempt_key

log = structlog.get_logger(__name__)

# A storage that is down is tried again for this long while the lease is kept, then the job goes back uncounted.
STORAGE_PATIENCE_SECONDS = 600
_PAUSES_SECONDS = (1, 2, 5, 10, 30)


def publish(job: Job, *, folder: Path, gpu_seconds: float) -> None:
    """Publishes what one attempt made, or hands the job back. `folder` holds frames.npy and is left as scratch."""
    close_old_connections()
    try:
        video, poster = _encode(job, folder)
        result_key, poster_key = _store(job, video), _store(job, poster)
    except EncodingFailed as error:
        crash_job(fence=job.fence, code=error.code, message=error.message)
    except OSError as error:
        log.error("storage_failed", task_id=job.public_id, reason=str(error))
        hand_back(fence=job.fence, pause_seconds=_PAUSES_SECONDS[-1])
    else:
        published = Published(
            result_key=result_key, poster_key=poster_key, result_bytes=video.stat().st_size, gpu_seconds=gpu_seconds
        )
        if not _complete(job, published):
            log.warning("fenced_off", task_id=job.public_id, attempt=job.attempt)
            default_storage.delete(result_key)
            default_storage.delete(poster_key)
    finally:
        close_old_connections()


def _complete(job: Job, published: Published) -> bool:
    """Closes the job; asks again on a fresh connection while the database is away, for as long as a lease may last."""
    give_up = time.monotonic() + settings.LEASE_SECONDS
    while True:
        try:
            return complete_job(fence=job.fence, published=published)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > give_up:
                raise
            log.warning("database_retry", task_id=job.public_id, reason=str(error))
            connection.close()
            time.sleep(_PAUSES_SECONDS[0])


def _encode(job: Job, folder: Path) -> tuple[Path, Path]:
    frames = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
    video, poster = folder / f"video.{job.output_format}", folder / "poster.jpg"
    write = write_gif if job.output_format == "gif" else write_mp4
    write(frames, job.fps, video)
    write_poster(frames[0], poster)
    return video, poster


def _store(job: Job, path: Path) -> str:
    """The key it was stored under. Raises OSError when the storage stays away beyond our patience."""
    give_up = time.monotonic() + STORAGE_PATIENCE_SECONDS
    key = attempt_key(job.team_id, job.id, job.attempt, path.name)
    for pause in chain(_PAUSES_SECONDS, repeat(_PAUSES_SECONDS[-1])):
        try:
            with path.open("rb") as file:
                return default_storage.save(key, File(file))
        except OSError as error:
            if time.monotonic() + pause > give_up:
                raise
            log.warning("storage_retry", task_id=job.public_id, reason=str(error), pause_seconds=pause)
            time.sleep(pause)
    raise AssertionError("the pauses never end")
