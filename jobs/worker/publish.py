"""From frames to a published video: encode, store under the attempt's key, close the job.

It has threads of its own, so that the engine already makes the next clip meanwhile. A storage that is down is waited
for while the leases are kept; what was made is not thrown away for an outage of minutes.
"""

import errno
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path
from typing import TypeVar

import numpy as np
import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import Error as AnyDatabaseError
from django.db import connection

from common.outages import is_outage
from inference.encoding import write_gif, write_mp4, write_poster
from inference.errors import EncodingFailed
from jobs.fence import Fence
from jobs.models import Job
from jobs.services.close import Published, complete_job, crash_job, hand_back
from jobs.services.storage import attempt_key
from jobs.worker.hold import Hold

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
# One clip is encoded while another waits for storage or database.
_THREADS = 2
# While these are published the next one is made; beyond that the engine waits, and other workers get the jobs.
_MOST_HELD = 3
_PAUSES_SECONDS = (1, 2, 5, 10)
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Publisher:
    """Publishes what the engine made. `trouble` says what keeps it from doing so, or is empty."""

    def __init__(self) -> None:
        self.trouble = ""
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="publish")
        self._held: dict[Fence, tuple[Hold, Future[bool]]] = {}
        self._abandoned = threading.Event()
        # Readable when something is done with, so that the worker can wait for that and its engine at once.
        self.done_signal, self._signal = socket.socketpair()
        self.done_signal.setblocking(False)

    @property
    def is_full(self) -> bool:
        return len(self._held) >= _MOST_HELD

    @property
    def holds(self) -> list[Hold]:
        """What is not published yet."""
        return [hold for hold, _ in self._held.values()]

    def take(self, hold: Hold, *, gpu_seconds: float) -> None:
        """Takes over a job whose frames are made."""
        future = self._threads.submit(self._publish, hold, gpu_seconds)
        future.add_done_callback(lambda _: self._signal.send(b"."))
        self._held[hold.fence] = (hold, future)

    def keep(self) -> int:
        """Renews the leases of what is in hand, forgets what is done with; returns how much of that was published."""
        with suppress(BlockingIOError):
            self.done_signal.recv(4096)
        published = 0
        for hold, future in list(self._held.values()):
            if not future.done():
                hold.beat_when_due(settings.BEAT_SECONDS)
                continue
            del self._held[hold.fence]
            if (error := future.exception()) is not None:
                log.error("publish_failed", task_id=hold.job.public_id, reason=repr(error))
            elif future.result():
                published += 1
        return published

    def abandon(self) -> None:
        """Stops waiting for whatever is down. What is not published is the caller's to hand back."""
        self._abandoned.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _publish(self, hold: Hold, gpu_seconds: float) -> bool:
        """Returns whether the video is published: not where the attempt was fenced off, or had to be given up."""
        job = hold.job
        try:
            video, poster = self._patiently(hold, lambda: _encode(job, hold.folder))
            result_key = self._patiently(hold, lambda: _store(job, video))
            poster_key = self._patiently(hold, lambda: _store(job, poster))
            published = Published(
                result_key=result_key, poster_key=poster_key, result_bytes=video.stat().st_size, gpu_seconds=gpu_seconds
            )
            if self._patiently(hold, lambda: complete_job(fence=job.fence, published=published)):
                return True
            log.warning("fenced_off", task_id=job.public_id, attempt=job.attempt)
            default_storage.delete(result_key)
            default_storage.delete(poster_key)
        except EncodingFailed as error:
            failure = error
            self._patiently(hold, lambda: crash_job(fence=job.fence, code=failure.code, message=failure.message))
        except OSError as error:
            log.error("storage_given_up", task_id=job.public_id, reason=str(error))
            connection.close()  # idle through the outage, it may have died
            hand_back(fence=job.fence, pause_seconds=_PAUSES_SECONDS[-1])
        finally:
            # Also after giving up: the next job shows whether it still is so.
            self.trouble = ""
            hold.remove_files()
        return False

    def _patiently(self, hold: Hold, work: Callable[[], Result]) -> Result:
        """Does the work, again and again while storage or database are down, for as long as the lease is kept.

        Raises what the work raised last once patience, lease or this worker's time is over.
        """
        give_up = time.monotonic() + settings.STORAGE_PATIENCE_SECONDS
        for pause in chain(_PAUSES_SECONDS, repeat(_PAUSES_SECONDS[-1])):
            try:
                result = work()
            except (OSError, AnyDatabaseError) as error:
                if not isinstance(error, OSError) and not is_outage(error):
                    raise
                full = isinstance(error, OSError) and error.errno in _FULL
                self.trouble = "There is no space left on the disk." if full else f"Cannot publish: {error}"
                log.warning("publish_retry", task_id=hold.job.public_id, reason=str(error).strip(), pause_seconds=pause)
                if not isinstance(error, OSError):
                    connection.close()
                if hold.is_lost or time.monotonic() + pause > give_up or self._abandoned.wait(pause):
                    raise
            else:
                self.trouble = ""
                return result
        raise AssertionError("the pauses never end")


def _encode(job: Job, folder: Path) -> tuple[Path, Path]:
    frames = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
    video, poster = folder / f"video.{job.output_format}", folder / "poster.jpg"
    write = write_gif if job.output_format == "gif" else write_mp4
    write(frames, job.fps, video)
    write_poster(frames[0], poster)
    return video, poster


def _store(job: Job, path: Path) -> str:
    """The key it was stored under. A half-written object of a failed try is written over."""
    key = attempt_key(job.team_id, job.id, job.attempt, path.name)
    with path.open("rb") as file:
        return default_storage.save(key, File(file))
