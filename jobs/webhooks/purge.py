"""Forgets what was delivered long ago: deliveries with their tries, and the outbox rows that they came from."""

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
    """Deletes what is older than WEBHOOK_LOG_RETENTION_DAYS; returns how many rows. Several processes may run it at once."""
    if not settings.WEBHOOK_LOG_RETENTION_DAYS:
        return 0
    past = DatabaseNow() - timedelta(days=settings.WEBHOOK_LOG_RETENTION_DAYS)
    # What may still be sent stays, however old; so does what keeps a video from being tried again a second time.
    old_deliveries = Q(finished_at__lte=past)
    old_events = Q(dispatched_at__lte=past, job__state__in=TERMINAL) & ~Q(kind=RETRIED)
    return _purge(Delivery.objects.all(), old_deliveries) + _purge(JobEvent.objects.all(), old_events)


def _purge(rows: QuerySet[Model], old: Q) -> int:
    """In small transactions. Ids are ordered by time: the oldest are looked at alone, whatever the table's size."""
    count = 0
    for _ in range(_MAX_BATCHES):
        oldest = list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH_SIZE])
        gone = list(rows.filter(old, pk__in=oldest).values_list("pk", flat=True))
        rows.filter(pk__in=gone).delete()
        count += len(gone)
        if len(gone) < _BATCH_SIZE:
            break
    return count
