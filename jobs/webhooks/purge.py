"""Delete old deliveries with their attempts, and old outbox rows."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Model, Q, QuerySet

from common.clock import DatabaseNow
from jobs.models import JobEvent
from jobs.queue.retry import RETRIED
from jobs.states import TERMINAL
from jobs.webhooks.models import Delivery

_BATCH_SIZE, _MAX_BATCHES = 500, 20


def purge_logs() -> int:
    """Delete rows older than WEBHOOK_LOG_RETENTION_DAYS; return their number. Several processes may run it at once."""
    if not settings.WEBHOOK_LOG_RETENTION_DAYS:
        return 0
    cutoff = DatabaseNow() - timedelta(days=settings.WEBHOOK_LOG_RETENTION_DAYS)
    # Keep deliveries and events that are not finished, and the events that prevent a second retry of a video.
    old_deliveries = Q(finished_at__lte=cutoff)
    old_events = Q(dispatched_at__lte=cutoff, job__state__in=TERMINAL) & ~Q(kind=RETRIED)
    return _purge(Delivery.objects.all(), old_deliveries) + _purge(JobEvent.objects.all(), old_events)


def _purge(rows: QuerySet[Model], old: Q) -> int:
    """Delete in small transactions. Ids are ordered by time, so only the oldest rows are read."""
    count = 0
    for _ in range(_MAX_BATCHES):
        oldest = list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH_SIZE])
        expired = list(rows.filter(old, pk__in=oldest).values_list("pk", flat=True))
        rows.filter(pk__in=expired).delete()
        count += len(expired)
        if len(expired) < _BATCH_SIZE:
            break
    return count
