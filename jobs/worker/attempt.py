"""The state of a running attempt in its worker, from claim to finish: lease, files and progress."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from common.messages import Message
from inference.generation import ExternalJob, GenerationRequest, LoraWeight
from jobs.models import Job
from jobs.queue.lease import renew_lease
from jobs.storage.files import copy_extended_video, load_last_image, load_source_image
from jobs.worker.messages import GenerateCommand
from jobs.worker.progress import ProgressReporter

# The attempt is stopped this fraction of the lease before the lease can expire, since the two clocks may drift apart.
_LEASE_SAFETY_MARGIN = 0.1
# A remote engine gets this fraction of an attempt's time, so that it can cancel its job before it is killed.
_REMOTE_TIME = 0.9


class RunningAttempt:
    """An attempt that this worker holds.

    The lease is measured on this machine's monotonic clock, from before the renewal was sent. It therefore expires here
    no later than in Postgres, even if Postgres cannot be reached.
    """

    def __init__(self, *, job: Job, folder: Path, kill_engine: Callable[[], None]) -> None:
        self.job, self.folder, self.fence = job, folder, job.fence
        self.kill_engine = kill_engine
        now = time.monotonic()
        self._started = self._last_step = self._last_renewal = now
        self._lease_expires_at = now + settings.LEASE_TIMEOUT_SECONDS
        self._steps_done = 0
        self._progress_reporter = ProgressReporter(job.fence, job.total_steps)
        self._fenced_off = False
        self._external_job: ExternalJob | None = None
        self._is_external_job_stored = True
        self.cancel_requested = self.cancel_sent = False

    def prepare(self) -> GenerateCommand:
        """Fetch the images, and the video to join with, and return the command for the engine.

        Raises what `load_source_image` and `copy_extended_video` raise, and OSError if the disk fails.
        """
        self.folder.mkdir(parents=True)
        image_path = last_image_path = None
        if self.job.has_image:
            image_path = self.folder / "source.png"
            image_path.write_bytes(load_source_image(self.job))
        if self.job.last_image_key:
            last_image_path = self.folder / "last.png"
            last_image_path.write_bytes(load_last_image(self.job))
        if self.job.leading_frames:
            copy_extended_video(self.job, self.extended_video_path)
        request = GenerationRequest(
            prompt=self.job.prompt,
            negative_prompt=self.job.negative_prompt,
            width=self.job.width,
            height=self.job.height,
            num_frames=self.job.num_frames,
            fps=self.job.fps,
            steps=self.job.total_steps,
            guidance_scale=1.0 if self.job.guidance_scale is None else self.job.guidance_scale,
            seed=self.job.seed,
            loras=tuple(LoraWeight(lora["name"], lora["scale"]) for lora in self.job.loras),
            audio=self.job.audio,
        )
        external_id = self.job.external_id
        return GenerateCommand(
            self.fence,
            request,
            image_path,
            last_image_path,
            self.folder / "frames.npy",
            self.folder / "audio.npz",
            timeout_seconds=settings.ATTEMPT_TIMEOUT_SECONDS * _REMOTE_TIME,
            external_job=None if external_id is None else ExternalJob(external_id, self.job.external_resends),
        )

    @property
    def extended_video_path(self) -> Path:
        """Return where the video is that this one is joined with."""
        return self.folder / f"extended.{self.job.output_format}"

    def remove_files(self) -> None:
        """Delete the scratch files. The published files are in the storage."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def record_step(self, step: int, total: int) -> None:
        """Record the engine's progress, converted to the job's steps: engines also count decoding, or count frames."""
        self._last_step = time.monotonic()
        self._steps_done = self.job.total_steps * step // max(1, total)
        self._progress_reporter.report_progress(self._steps_done)

    def record_preview(self, jpeg: bytes) -> None:
        """Publish a preview of the video after the last recorded step."""
        self._progress_reporter.report_preview(self._steps_done, jpeg)

    def record_external_job(self, external_job: ExternalJob) -> None:
        """Store the job of another server with the next renewal of the lease, which is due now."""
        self._external_job, self._is_external_job_stored = external_job, False
        self._last_renewal = float("-inf")

    def store_external_job(self) -> None:
        """Store the job of another server that is not stored yet, so that the next attempt finds it."""
        if not self._is_external_job_stored:
            self.renew_lease_if_due(0)

    @property
    def is_lease_lost(self) -> bool:
        """Whether another attempt may hold the job, so that the result of this one would be rejected."""
        return (
            self._fenced_off
            or time.monotonic() > self._lease_expires_at - settings.LEASE_TIMEOUT_SECONDS * _LEASE_SAFETY_MARGIN
        )

    @property
    def timeout_error(self) -> tuple[str, Message] | None:
        """Return code and message if the engine has to be killed because of a timeout, else None."""
        now = time.monotonic()
        if now - self._last_step > settings.ENGINE_PROGRESS_TIMEOUT_SECONDS:
            return "engine_hung", Message("The engine made no progress.")
        if now - self._started > settings.ATTEMPT_TIMEOUT_SECONDS:
            return "attempt_timeout", Message("The video took longer than the time limit.")
        return None

    def renew_lease_if_due(self, interval_seconds: float) -> None:
        """Renew the lease, store the progress and check for a cancellation, if the last renewal is that long ago."""
        now = time.monotonic()
        if self._fenced_off or now - self._last_renewal < interval_seconds:
            return
        self._last_renewal = now
        try:
            renewal = renew_lease(fence=self.fence, steps_done=self._steps_done, external_job=self._external_job)
        except AnyDatabaseError:
            # Retried after the next interval. `is_lease_lost` stops the run before the lease can expire in Postgres.
            close_old_connections()
            return
        self._is_external_job_stored = True
        self._fenced_off = not renewal.held
        self.cancel_requested = renewal.cancel_requested
        if renewal.held:
            self._lease_expires_at = now + settings.LEASE_TIMEOUT_SECONDS
