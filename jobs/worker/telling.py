"""What followers of a job hear of an attempt while it runs: progress and previews, neither too often."""

import time

from jobs.fence import Fence
from jobs.live.events import preview_event, progress_event
from jobs.live.publish import publish

_PROGRESS_SECONDS = 0.5


class Telling:
    """Tells of one attempt, in the job's own steps."""

    def __init__(self, fence: Fence, steps: int) -> None:
        self._fence, self._steps = fence, steps
        self._began = self._told_at = time.monotonic()
        self._told = 0

    def progress(self, step: int) -> None:
        """So many steps are done. The last is told of at once, others where there is time."""
        now = time.monotonic()
        if step <= self._told or (now - self._told_at < _PROGRESS_SECONDS and step < self._steps):
            return
        self._told, self._told_at = step, now
        eta = (now - self._began) / step * (self._steps - step)
        event = progress_event(
            self._fence.job_id, attempt=self._fence.attempt, step=step, steps=self._steps, eta_seconds=eta
        )
        publish(self._fence.job_id, event)

    def preview(self, step: int, jpeg: bytes) -> None:
        publish(
            self._fence.job_id, preview_event(self._fence.job_id, attempt=self._fence.attempt, step=step, jpeg=jpeg)
        )
