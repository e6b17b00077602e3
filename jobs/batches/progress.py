"""Where batches stand, counted from their videos: nothing is kept that could say otherwise."""

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

# What an item may be: refused, the state of its video, or without one since that was deleted.
ITEM_STATES = ("refused", *State.values, "deleted")
COUNT_NAMES = ("pending", *ITEM_STATES)

_STATUS = Case(
    When(job=None, then=Value("refused")),
    When(job__deleted_at__isnull=False, then=Value("deleted")),
    default=F("job__state"),
)


@dataclass
class BatchProgress:
    """counts: of all requests, by COUNTED. credits_reserved: of videos that are not closed."""

    total: int
    counts: Counter[str] = field(default_factory=Counter)
    credits_reserved: int = 0
    credits_charged: int = 0
    # Videos' worth of what is in progress.
    in_progress_fraction: float = 0.0

    @property
    def progress(self) -> int:
        """Whole per cent of what was sent."""
        unfinished = sum(self.counts[name] for name in ("pending", *ACTIVE))
        return int(100 * (self.total - unfinished + self.in_progress_fraction) / self.total)


# Each video is looked up by its id (OFFSET keeps the planner from joining): a join would read all of a large team's.
_COUNT = """
SELECT item.batch_id,
       CASE WHEN item.job_id IS NULL THEN 'refused' WHEN job.deleted_at IS NOT NULL THEN 'deleted' ELSE job.state END,
       count(*),
       COALESCE(sum(job.quoted_credits) FILTER (WHERE job.state IN ('queued', 'in_progress')), 0)::bigint,
       COALESCE(sum(job.charged_credits), 0)::bigint,
       COALESCE(sum(job.steps_done::float8 / job.steps) FILTER (WHERE job.state = 'in_progress'), 0)
FROM batches_batchitem item
LEFT JOIN LATERAL (
    SELECT state, deleted_at, quoted_credits, charged_credits, steps_done, steps
    FROM jobs_job WHERE id = item.job_id OFFSET 0
) job ON true
WHERE item.batch_id = ANY(%s)
GROUP BY 1, 2
"""


def progress_of_batches(batches: Collection[Batch]) -> dict[uuid.UUID, BatchProgress]:
    """Of each batch, in one query for all of them."""
    found = {batch.pk: BatchProgress(batch.total) for batch in batches}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [list(found)])
        for batch_id, status, items, reserved, charged, in_progress_fraction in cursor.fetchall():
            progress = found[batch_id]
            progress.counts[status] += items
            progress.credits_reserved += reserved
            progress.credits_charged += charged
            progress.in_progress_fraction += in_progress_fraction
    for progress in found.values():
        progress.counts["pending"] = progress.total - progress.counts.total()
    return found


def progress_of_batch(batch: Batch) -> BatchProgress:
    return progress_of_batches([batch])[batch.pk]


def eta_seconds(batch: Batch) -> float | None:
    """Until the video that is last in the line is done; None where nothing is open, or where no worker is there."""
    last = Job.objects.filter(batch_item__batch=batch, state__in=ACTIVE).order_by("priority", "-id").first()
    return estimate_wait(last).eta_seconds if last is not None else None


def status_of(item: BatchItem) -> str:
    """One of ITEM_STATES; expects `job` to be fetched."""
    if item.job is None:
        return "refused"
    return "deleted" if item.job.deleted_at is not None else str(item.job.state)


def filter_by_status(items: QuerySet[BatchItem], status: str | None) -> QuerySet[BatchItem]:
    """Those items; all for None."""
    return items if status is None else items.annotate(status=_STATUS).filter(status=status)
