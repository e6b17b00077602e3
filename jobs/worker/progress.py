"""Publishes progress and previews of a running attempt as events, at a limited rate."""

import time

from jobs.events.event import preview_event, progress_event
from jobs.events.publisher import publish
from jobs.fencing import Fence

_PROGRESS_INTERVAL_SECONDS = 0.5


class ProgressReporter:
    """Reports one attempt, in the job's steps."""

    def __init__(self, fence: Fence, steps: int) -> None:
        self._fence, self._steps = fence, steps
        self._started_at = self._reported_at = time.monotonic()
        self._reported_step = 0

    def report_progress(self, step: int) -> None:
        """Report the number of steps done: the last one at once, others at most every _PROGRESS_INTERVAL_SECONDS."""
        now = time.monotonic()
        if step <= self._reported_step or (now - self._reported_at < _PROGRESS_INTERVAL_SECONDS and step < self._steps):
            return
        self._reported_step, self._reported_at = step, now
        eta = (now - self._started_at) / step * (self._steps - step)
        event = progress_event(
            self._fence.job_id, attempt=self._fence.attempt, step=step, steps=self._steps, eta_seconds=eta
        )
        publish(self._fence.job_id, event)

    def report_preview(self, step: int, jpeg: bytes) -> None:
        """Report a preview of the video after this step."""
        publish(
            self._fence.job_id, preview_event(self._fence.job_id, attempt=self._fence.attempt, step=step, jpeg=jpeg)
        )
