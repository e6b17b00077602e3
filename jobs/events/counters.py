"""Counts what happened to videos, for monitoring: away from the hot paths, and exactly once.

The side worker counts each event of the outbox in the transaction that marks it as announced. Reading the counts costs
the same with ten jobs and with ten million, and they only grow.
"""

from collections.abc import Sequence

from django.db import connection

# Upper bounds of the buckets of both histograms, in seconds; what took longer lies in the one up to infinity.
BUCKET_BOUNDS_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

# In the order of the unique index: two side workers that count at once wait for each other, and never in a circle.
_COUNT = """
INSERT INTO jobs_metriccounter (kind, pool, model, detail, upper_bound, count, seconds, credits)
SELECT kind, pool, model, detail, upper_bound, count(*), sum(seconds), sum(credits)
FROM (
    SELECT event.kind, job.pool, job.model,
           CASE WHEN event.kind IN ('failed', 'canceled', 'expired') THEN job.error_code ELSE '' END AS detail,
           COALESCE((SELECT min(bound) FROM unnest(%(bounds)s::float8[]) bound WHERE bound >= lasted.seconds),
                    'infinity') AS upper_bound,
           COALESCE(lasted.seconds, 0) AS seconds,
           CASE event.kind WHEN 'queued' THEN job.quoted_credits WHEN 'completed' THEN job.charged_credits ELSE 0 END
               AS credits
    FROM jobs_jobevent event JOIN jobs_job job ON job.id = event.job_id
    CROSS JOIN LATERAL (SELECT GREATEST(0, EXTRACT(EPOCH FROM CASE event.kind
        WHEN 'started' THEN job.started_at - job.queued_at
        WHEN 'completed' THEN job.finished_at - job.started_at END))::float8 AS seconds) lasted
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
    """In the transaction that announces them."""
    if event_ids:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {"bounds": list(BUCKET_BOUNDS_SECONDS), "events": list(event_ids)})


def count_delivery(*, outcome: str, seconds: float) -> None:
    """One try of a webhook: `delivered`, `retried` or `given_up`. After its commit: all of them count in few rows."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_DELIVERY, [outcome, seconds])
