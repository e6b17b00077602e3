"""What a worker holds of one job between claim and close: its lease, its files, its progress."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from common.messages import Message
from inference.generation import GenerationRequest
from jobs.models import Job
from jobs.queue.lease import renew_lease
from jobs.worker.messages import GenerateCommand
from jobs.worker.progress import ProgressReporter

# Stop this share of the lease before it can pass to another: the two clocks may run apart a little.
_LEASE_SAFETY_MARGIN = 0.1


class RunningAttempt:
    """One attempt in this worker's hands.

    The lease is counted on this machine's monotonic clock, from before the renewal was sent: it ends here no later than
    it ends in Postgres, also when Postgres cannot be reached.
    """

    def __init__(self, *, job: Job, folder: Path, kill_engine: Callable[[], None]) -> None:
        self.job, self.folder, self.fence = job, folder, job.fence
        self.kill_engine = kill_engine
        now = time.monotonic()
        self._started = self._last_step = self._last_renewal = now
        self._lease_expires_at = now + settings.LEASE_TIMEOUT_SECONDS
        self._steps_done = 0
        self._progress_reporter = ProgressReporter(job.fence, job.steps)
        self._fenced_off = False
        self.cancel_requested = self.cancel_sent = False

    def prepare(self) -> GenerateCommand:
        """Fetches the picture and writes the order for the engine. Raises OSError where storage or disk fail."""
        self.folder.mkdir(parents=True)
        picture_path = self.folder / "source.png"
        with default_storage.open(self.job.source_key) as source:
            picture_path.write_bytes(source.read())
        request = GenerationRequest(
            prompt=self.job.prompt,
            negative_prompt=self.job.negative_prompt,
            width=self.job.width,
            height=self.job.height,
            num_frames=self.job.num_frames,
            fps=self.job.fps,
            steps=self.job.steps,
            guidance_scale=self.job.guidance_scale,
            seed=self.job.seed,
        )
        return GenerateCommand(self.fence, request, picture_path, self.folder / "frames.npy")

    def remove_files(self) -> None:
        """Empties its place on the disk; what is published lies in the storage."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def record_step(self, step: int, total: int) -> None:
        """Progress of the engine, told in the job's own steps: engines count the decoding too, or frames."""
        self._last_step = time.monotonic()
        self._steps_done = self.job.steps * step // max(1, total)
        self._progress_reporter.report_progress(self._steps_done)

    def record_preview(self, jpeg: bytes) -> None:
        """A picture of the clip as it stands after the last step that was noted."""
        self._progress_reporter.report_preview(self._steps_done, jpeg)

    @property
    def is_lease_lost(self) -> bool:
        """Another attempt may hold the job: nothing that this one makes will be taken."""
        return (
            self._fenced_off
            or time.monotonic() > self._lease_expires_at - settings.LEASE_TIMEOUT_SECONDS * _LEASE_SAFETY_MARGIN
        )

    @property
    def timeout_error(self) -> tuple[str, Message] | None:
        """Why the run must be ended by force: code and message, or None."""
        now = time.monotonic()
        if now - self._last_step > settings.ENGINE_PROGRESS_TIMEOUT_SECONDS:
            return "engine_hung", Message("The engine made no progress.")
        if now - self._started > settings.ATTEMPT_TIMEOUT_SECONDS:
            return "attempt_timeout", Message("The attempt took longer than the time limit.")
        return None

    def renew_lease_if_due(self, interval_seconds: float) -> None:
        """Renews the lease, publishes the progress and asks for a cancel, if the last time is so long ago."""
        now = time.monotonic()
        if self._fenced_off or now - self._last_renewal < interval_seconds:
            return
        self._last_renewal = now
        try:
            renewal = renew_lease(fence=self.fence, steps_done=self._steps_done)
        except AnyDatabaseError:
            # Tried again a beat later; `is_lost` ends the run before the lease can pass to another.
            close_old_connections()
            return
        self._fenced_off = not renewal.held
        self.cancel_requested = renewal.cancel_requested
        if renewal.held:
            self._lease_expires_at = now + settings.LEASE_TIMEOUT_SECONDS
