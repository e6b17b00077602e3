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

from common.db_errors import is_transient
from common.messages import Message
from inference.encoding import write_gif, write_mp4, write_poster
from inference.errors import EncodingError
from jobs.fencing import Fence
from jobs.models import Job
from jobs.queue.finish import AttemptResult, complete_job, record_crash, requeue_job
from jobs.storage.files import attempt_key
from jobs.worker.attempt import RunningAttempt

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
# One clip is encoded while another waits for storage or database.
_THREADS = 2
# While these are published the next one is made; beyond that the engine waits, and other workers get the jobs.
_MAX_PENDING = 3
_RETRY_DELAYS_SECONDS = (1, 2, 5, 10)
_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}


class Publisher:
    """Publishes what the engine made. `trouble` says what keeps it from doing so, or is empty."""

    def __init__(self) -> None:
        self.last_error = ""
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="publish")
        self._pending: dict[Fence, tuple[RunningAttempt, Future[bool]]] = {}
        self._aborted = threading.Event()
        # Readable when something is done with, so that the worker can wait for that and its engine at once.
        self.done_signal, self._signal = socket.socketpair()
        self.done_signal.setblocking(False)

    @property
    def is_full(self) -> bool:
        return len(self._pending) >= _MAX_PENDING

    @property
    def attempts(self) -> list[RunningAttempt]:
        """What is not published yet."""
        return [attempt for attempt, _ in self._pending.values()]

    def submit(self, attempt: RunningAttempt, *, gpu_seconds: float) -> None:
        """Takes over a job whose frames are made."""
        future = self._threads.submit(self._publish, attempt, gpu_seconds)
        future.add_done_callback(lambda _: self._signal.send(b"."))
        self._pending[attempt.fence] = (attempt, future)

    def poll(self) -> int:
        """Renews the leases of what is in hand, forgets what is done with; returns how much of that was published."""
        with suppress(BlockingIOError):
            self.done_signal.recv(4096)
        published = 0
        for attempt, future in list(self._pending.values()):
            if not future.done():
                attempt.renew_lease_if_due(settings.HEARTBEAT_INTERVAL_SECONDS)
                continue
            del self._pending[attempt.fence]
            if (error := future.exception()) is not None:
                log.error("publish_failed", task_id=attempt.job.public_id, reason=repr(error))
            elif future.result():
                published += 1
        return published

    def abort(self) -> None:
        """Stops waiting for whatever is down. What is not published is the caller's to hand back."""
        self._aborted.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _publish(self, attempt: RunningAttempt, gpu_seconds: float) -> bool:
        """Returns whether the video is published: not where the attempt was fenced off, or had to be given up."""
        job = attempt.job
        try:
            video, poster = self._retry_while_unavailable(attempt, lambda: _encode(job, attempt.folder))
            result_key = self._retry_while_unavailable(attempt, lambda: _store(job, video))
            poster_key = self._retry_while_unavailable(attempt, lambda: _store(job, poster))
            result = AttemptResult(
                result_key=result_key, poster_key=poster_key, result_bytes=video.stat().st_size, gpu_seconds=gpu_seconds
            )
            if self._retry_while_unavailable(attempt, lambda: complete_job(fence=job.fence, result=result)):
                return True
            log.warning("attempt_fenced_off", task_id=job.public_id, attempt=job.attempt)
            default_storage.delete(result_key)
            default_storage.delete(poster_key)
        except EncodingError as error:
            failure = error
            self._retry_while_unavailable(
                attempt,
                lambda: record_crash(
                    fence=job.fence, code=failure.code, message=Message(failure.template, failure.params)
                ),
            )
        except OSError as error:
            log.error("publish_abandoned", task_id=job.public_id, reason=str(error))
            connection.close()  # idle through the outage, it may have died
            requeue_job(fence=job.fence, delay_seconds=_RETRY_DELAYS_SECONDS[-1])
        finally:
            # Also after giving up: the next job shows whether it still is so.
            self.last_error = ""
            attempt.remove_files()
        return False

    def _retry_while_unavailable(self, attempt: RunningAttempt, work: Callable[[], Result]) -> Result:
        """Does the work, again and again while storage or database are down, for as long as the lease is kept.

        Raises what the work raised last once patience, lease or this worker's time is over.
        """
        deadline = time.monotonic() + settings.STORAGE_RETRY_TIMEOUT_SECONDS
        for pause in chain(_RETRY_DELAYS_SECONDS, repeat(_RETRY_DELAYS_SECONDS[-1])):
            try:
                result = work()
            except (OSError, AnyDatabaseError) as error:
                if not isinstance(error, OSError) and not is_transient(error):
                    raise
                full = isinstance(error, OSError) and error.errno in _DISK_FULL_ERRNOS
                self.last_error = "There is no space left on the disk." if full else f"Cannot publish: {error}"
                log.warning(
                    "publish_retry", task_id=attempt.job.public_id, reason=str(error).strip(), delay_seconds=pause
                )
                if not isinstance(error, OSError):
                    connection.close()
                if attempt.is_lease_lost or time.monotonic() + pause > deadline or self._aborted.wait(pause):
                    raise
            else:
                self.last_error = ""
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
