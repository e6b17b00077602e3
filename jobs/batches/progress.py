"""Progress of batches, counted from their videos. No counts are stored, so they cannot become inconsistent."""

import uuid
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Case, F, QuerySet, Value, When

from jobs.batches.models import Batch, BatchItem
from jobs.models import Job
from jobs.queue.eta import estimate_wait
from jobs.states import ACTIVE, State

# The status of an item: refused, the state of its video, or deleted with the video.
ITEM_STATES = ("refused", *State.values, "deleted")

_STATUS = Case(
    When(job=None, then=Value("refused")),
    When(job__deleted_at__isnull=False, then=Value("deleted")),
    default=F("job__state"),
)


@dataclass
class BatchProgress:
    """The progress of one batch.

    counts: the number of requests in each of ITEM_STATES, and `pending`. credits_reserved: for unfinished videos.
    """

    total: int
    counts: Counter[str] = field(default_factory=Counter)
    credits_reserved: int = 0
    credits_charged: int = 0
    # The sum of the completed fractions of the videos that are in progress.
    in_progress_fraction: float = 0.0

    @property
    def percent(self) -> int:
        """The percentage of the requests that is finished, as an integer."""
        unfinished = sum(self.counts[name] for name in ("pending", *ACTIVE))
        return int(100 * (self.total - unfinished + self.in_progress_fraction) / self.total)


# Each video is looked up by its id (OFFSET prevents a join): a join would read all videos of a large team.
_COUNT = """
SELECT item.batch_id,
       CASE WHEN item.job_id IS NULL THEN 'refused' WHEN job.deleted_at IS NOT NULL THEN 'deleted' ELSE job.state END,
       count(*),
       COALESCE(sum(job.quoted_credits) FILTER (WHERE job.state IN ('queued', 'in_progress')), 0)::bigint,
       COALESCE(sum(job.charged_credits), 0)::bigint,
       COALESCE(sum(job.steps_done::float8 / COALESCE(job.steps, job.num_frames))
                FILTER (WHERE job.state = 'in_progress'), 0)
FROM batches_batchitem item
LEFT JOIN LATERAL (
    SELECT state, deleted_at, quoted_credits, charged_credits, steps_done, steps, num_frames
    FROM jobs_job WHERE id = item.job_id OFFSET 0
) job ON true
WHERE item.batch_id = ANY(%s)
GROUP BY 1, 2
"""


def progress_of_batches(batches: Collection[Batch]) -> dict[uuid.UUID, BatchProgress]:
    """Return the progress of each batch by its id. One query reads them all."""
    by_batch = {batch.pk: BatchProgress(batch.total) for batch in batches}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [list(by_batch)])
        for batch_id, status, items, reserved, charged, in_progress_fraction in cursor.fetchall():
            progress = by_batch[batch_id]
            progress.counts[status] += items
            progress.credits_reserved += reserved
            progress.credits_charged += charged
            progress.in_progress_fraction += in_progress_fraction
    for progress in by_batch.values():
        progress.counts["pending"] = progress.total - progress.counts.total()
    return by_batch


def progress_of_batch(batch: Batch) -> BatchProgress:
    return progress_of_batches([batch])[batch.pk]


def eta_seconds(batch: Batch) -> float | None:
    """Return the time until the last video in the queue is finished; None if all are, or if there is no worker."""
    last = Job.objects.filter(batch_item__batch=batch, state__in=ACTIVE).order_by("priority", "-id").first()
    return estimate_wait(last).eta_seconds if last is not None else None


def status_of(item: BatchItem) -> str:
    """Return the status, one of ITEM_STATES. `job` should be fetched with the item."""
    if item.job is None:
        return "refused"
    return "deleted" if item.job.deleted_at is not None else str(item.job.state)


def filter_by_status(items: QuerySet[BatchItem], status: str | None) -> QuerySet[BatchItem]:
    """Return the items with this status; all items for None."""
    return items if status is None else items.annotate(status=_STATUS).filter(status=status)
