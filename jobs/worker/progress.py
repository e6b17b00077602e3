"""What followers of a job hear of an attempt while it runs: progress and previews, neither too often."""

import time

from jobs.events.event import preview_event, progress_event
from jobs.events.publisher import publish
from jobs.fencing import Fence

_PROGRESS_INTERVAL_SECONDS = 0.5


class ProgressReporter:
    """Tells of one attempt, in the job's own steps."""

    def __init__(self, fence: Fence, steps: int) -> None:
        self._fence, self._steps = fence, steps
        self._started_at = self._reported_at = time.monotonic()
        self._reported_step = 0

    def report_progress(self, step: int) -> None:
        """So many steps are done. The last is told of at once, others where there is time."""
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
        publish(
            self._fence.job_id, preview_event(self._fence.job_id, attempt=self._fence.attempt, step=step, jpeg=jpeg)
        )
