"""Gauges of queued and running videos, pending events and webhooks, and credits."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

_QUEUED_SQL = """
SELECT pool, model, count(*), EXTRACT(EPOCH FROM clock_timestamp() - min(queued_at))
FROM jobs_job WHERE state = 'queued' GROUP BY pool, model
"""
_IN_PROGRESS_SQL = "SELECT pool, model, count(*) FROM jobs_job WHERE state = 'in_progress' GROUP BY pool, model"
_OUTBOX_SQL = """
SELECT (SELECT count(*) FROM jobs_jobevent WHERE dispatched_at IS NULL),
       COALESCE((SELECT EXTRACT(EPOCH FROM clock_timestamp() - created_at) FROM jobs_jobevent
                 WHERE dispatched_at IS NULL ORDER BY id LIMIT 1), 0),
       (SELECT count(*) FROM webhooks_delivery WHERE state = 'pending')
"""
_CREDITS_SQL = """
SELECT COALESCE(sum(balance), 0), COALESCE(sum(reserved), 0),
       (SELECT COALESCE(sum(balance_delta), 0) FROM quota_ledgerentry WHERE kind = 'grant')
FROM quota_wallet
"""


def collect() -> Iterator[Metric]:
    queued, in_progress = _rows(_QUEUED_SQL), _rows(_IN_PROGRESS_SQL)
    videos = GaugeMetricFamily(
        "mutoscope_jobs", "Videos that are queued or in progress.", labels=["pool", "model", "state"]
    )
    oldest = GaugeMetricFamily(
        "mutoscope_queue_oldest_job_age_seconds",
        "Seconds since the oldest queued video was queued.",
        labels=["pool", "model"],
    )
    for pool, model, count, seconds in queued:
        videos.add_metric([pool, model, "queued"], count)
        oldest.add_metric([pool, model], float(seconds))
    for pool, model, count in in_progress:
        videos.add_metric([pool, model, "in_progress"], count)
    yield from (videos, oldest)
    ((events, oldest_event, deliveries),) = _rows(_OUTBOX_SQL)
    yield GaugeMetricFamily("mutoscope_outbox_events", "Events of videos that are not dispatched yet.", events)
    yield GaugeMetricFamily(
        "mutoscope_outbox_oldest_event_age_seconds",
        "Seconds since the oldest of these events was created.",
        float(oldest_event),
    )
    yield GaugeMetricFamily("mutoscope_webhook_deliveries_pending", "Webhook deliveries that are pending.", deliveries)
    ((balance, reserved, granted),) = _rows(_CREDITS_SQL)
    yield GaugeMetricFamily("mutoscope_credits_balance", "Credits that all teams together can spend.", float(balance))
    yield GaugeMetricFamily("mutoscope_credits_outstanding", "Credits reserved for unfinished videos.", float(reserved))
    yield CounterMetricFamily("mutoscope_credits_granted", "Credits granted to teams.", float(granted))


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
