"""Publishes generated frames as a video: encodes them, stores the files under the attempt's keys, completes the job.

It has threads of its own, so that the engine can generate the next video in the meantime. During a storage outage of
minutes the leases are renewed and publishing is retried, so that finished work is not lost.
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

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import Error as AnyDatabaseError
from django.db import connection

from common.db_errors import is_transient
from common.messages import Message
from inference.audio import load_audio
from inference.encoding import write_gif, write_mp4, write_poster
from inference.errors import EncodingError
from inference.frames_file import FramesFile
from inference.joining import join_gif, join_mp4
from inference.video_files import read_frame
from jobs.fencing import Fence
from jobs.models import Job
from jobs.queue.finish import AttemptResult, complete_job, record_crash, requeue_job
from jobs.storage.files import attempt_key
from jobs.worker.attempt import RunningAttempt

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
# One video is encoded while another one waits for storage or database.
_THREADS = 2
# With this many videos in publication the worker claims no more jobs, so that other workers get them.
_MAX_PENDING = 3
_RETRY_DELAYS_SECONDS = (1, 2, 5, 10)
_MAX_REASON_LENGTH = 300
_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}


class Publisher:
    """Publishes finished runs. `last_error` says why publishing fails at present; otherwise it is None."""

    def __init__(self) -> None:
        self.last_error: Message | None = None
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="publish")
        self._pending: dict[Fence, tuple[RunningAttempt, Future[bool]]] = {}
        self._aborted = threading.Event()
        # Readable once a publication has finished, so that the worker can wait for it and for its engine at once.
        self.done_signal, self._signal = socket.socketpair()
        self.done_signal.setblocking(False)

    @property
    def is_full(self) -> bool:
        """Whether no further run can be submitted."""
        return len(self._pending) >= _MAX_PENDING

    @property
    def attempts(self) -> list[RunningAttempt]:
        """Return the attempts that are not published yet."""
        return [attempt for attempt, _ in self._pending.values()]

    def submit(self, attempt: RunningAttempt, *, gpu_seconds: float) -> None:
        """Take over an attempt whose frames are generated."""
        future = self._threads.submit(self._publish, attempt, gpu_seconds)
        future.add_done_callback(lambda _: self._signal.send(b"."))
        self._pending[attempt.fence] = (attempt, future)

    def poll(self) -> int:
        """Renew the leases of pending attempts, drop finished ones, and return how many of those were published."""
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
        """Stop retrying. The caller has to requeue the attempts that are not published."""
        self._aborted.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _publish(self, attempt: RunningAttempt, gpu_seconds: float) -> bool:
        """Publish and return True, or return False if the attempt was fenced off, failed or was requeued."""
        job = attempt.job
        try:
            video, poster, has_audio = self._retry_while_unavailable(attempt, lambda: _encode(attempt))
            result_key = self._retry_while_unavailable(attempt, lambda: _store(job, video))
            poster_key = self._retry_while_unavailable(attempt, lambda: _store(job, poster))
            result = AttemptResult(
                result_key=result_key,
                poster_key=poster_key,
                result_bytes=video.stat().st_size,
                gpu_seconds=gpu_seconds,
                has_audio=has_audio,
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
            connection.close()  # it was idle during the outage and may be dead
            requeue_job(fence=job.fence, delay_seconds=_RETRY_DELAYS_SECONDS[-1])
        finally:
            # Also after giving up: the next job shows whether the outage goes on.
            self.last_error = None
            attempt.remove_files()
        return False

    def _retry_while_unavailable(self, attempt: RunningAttempt, work: Callable[[], Result]) -> Result:
        """Do the work and retry it while storage or database are down.

        Raises the last error after STORAGE_RETRY_TIMEOUT_SECONDS, when the lease is lost, or after `abort`.
        """
        deadline = time.monotonic() + settings.STORAGE_RETRY_TIMEOUT_SECONDS
        for delay_seconds in chain(_RETRY_DELAYS_SECONDS, repeat(_RETRY_DELAYS_SECONDS[-1])):
            try:
                result = work()
            except (OSError, AnyDatabaseError) as error:
                if not isinstance(error, OSError) and not is_transient(error):
                    raise
                reason = str(error).strip()
                self.last_error = (
                    Message("There is no space left on the disk.")
                    if isinstance(error, OSError) and error.errno in _DISK_FULL_ERRNOS
                    else Message("Videos cannot be published: %(reason)s", {"reason": reason[:_MAX_REASON_LENGTH]})
                )
                log.warning("publish_retry", task_id=attempt.job.public_id, reason=reason, delay_seconds=delay_seconds)
                if not isinstance(error, OSError):
                    connection.close()
                is_overdue = attempt.is_lease_lost or time.monotonic() + delay_seconds > deadline
                if is_overdue or self._aborted.wait(delay_seconds):
                    raise
            else:
                self.last_error = None
                return result
        raise AssertionError("the delays never end")


def _encode(attempt: RunningAttempt) -> tuple[Path, Path, bool]:
    """Return the files of the video and its poster, and whether the video has sound."""
    job, folder = attempt.job, attempt.folder
    frames, audio = FramesFile(folder / "frames.npy"), load_audio(folder / "audio.npz")
    video, poster = folder / f"video.{job.output_format}", folder / "poster.jpg"
    has_audio = False
    if job.leading_frames and job.output_format == "gif":
        join_gif(attempt.extended_video_path, frames, job.fps, video)
    elif job.leading_frames:
        has_audio = join_mp4(attempt.extended_video_path, frames, job.fps, video, audio)
    elif job.output_format == "gif":
        write_gif(frames, job.fps, video)
    else:
        write_mp4(frames, job.fps, video, audio)
        has_audio = audio is not None
    write_poster(read_frame(attempt.extended_video_path, 0) if job.leading_frames else next(iter(frames)), poster)
    return video, poster, has_audio


def _store(job: Job, path: Path) -> str:
    """Store a file and return its key. The incomplete object of a failed attempt to store it is overwritten."""
    key = attempt_key(job, job.attempt, path.name)
    with path.open("rb") as file:
        return default_storage.save(key, File(file))
