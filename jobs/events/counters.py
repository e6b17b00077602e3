"""Counts events of videos for monitoring: outside the hot paths, and exactly once.

The maintenance worker counts each event of the outbox in the transaction that marks it as dispatched. Reading the
counters costs the same with ten jobs and with ten million. They only increase.
"""

from collections.abc import Sequence

from django.db import connection

# Upper bounds of the buckets of both histograms, in seconds. The last bucket, up to infinity, is implied.
BUCKET_BOUNDS_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

# Rows are written in the order of the unique index, so that two maintenance workers that count at once cannot deadlock.
_COUNT = """
INSERT INTO jobs_metriccounter (kind, pool, model, detail, upper_bound, count, seconds, credits)
SELECT kind, pool, model, detail, upper_bound, count(*), sum(seconds), sum(credits)
FROM (
    SELECT event.kind, job.pool, job.model,
           CASE WHEN event.kind IN ('failed', 'canceled', 'expired') THEN job.error_code ELSE '' END AS detail,
           COALESCE((SELECT min(bound) FROM unnest(%(bounds)s::float8[]) bound WHERE bound >= duration.seconds),
                    'infinity') AS upper_bound,
           COALESCE(duration.seconds, 0) AS seconds,
           CASE event.kind WHEN 'queued' THEN job.quoted_credits WHEN 'completed' THEN job.charged_credits ELSE 0 END
               AS credits
    FROM jobs_jobevent event JOIN jobs_job job ON job.id = event.job_id
    CROSS JOIN LATERAL (SELECT GREATEST(0, EXTRACT(EPOCH FROM CASE event.kind
        WHEN 'started' THEN job.started_at - job.queued_at
        WHEN 'completed' THEN job.finished_at - job.started_at END))::float8 AS seconds) duration
    WHERE event.id = ANY(%(events)s)
) counted
GROUP BY kind, pool, model, detail, upper_bound
ORDER BY kind, pool, model, detail, upper_bound
ON CONFLICT (kind, pool, model, detail, upper_bound) DO UPDATE
SET count = jobs_metriccounter.count + EXCLUDED.count, seconds = jobs_metriccounter.seconds + EXCLUDED.seconds,
    credits = jobs_metriccounter.credits + EXCLUDED.credits
"""
_COUNT_DELIVERY = """
INSERT INTO jobs_metriccounter (kind, pool, model, detail, upper_bound, count, seconds, credits)
VALUES ('delivery', '', '', %s, 'infinity', 1, %s, 0)
ON CONFLICT (kind, pool, model, detail, upper_bound) DO UPDATE
SET count = jobs_metriccounter.count + 1, seconds = jobs_metriccounter.seconds + EXCLUDED.seconds
"""


def count_events(event_ids: Sequence[int]) -> None:
    """Count these events. Call it in the transaction that dispatches them."""
    if event_ids:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {"bounds": list(BUCKET_BOUNDS_SECONDS), "events": list(event_ids)})


def count_delivery(*, outcome: str, seconds: float) -> None:
    """Count one delivery attempt of a webhook, with the outcome `delivered`, `retried` or `given_up`.

    Call it after the commit of the delivery: all deliveries are counted in few rows, which must not be locked for long.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_DELIVERY, [outcome, seconds])
