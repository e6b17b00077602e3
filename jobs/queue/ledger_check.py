"""Checks that the accounts agree: wallets with the ledger, jobs with their ledger rows, results with the storage."""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from django.core.files.storage import default_storage
from django.db import connection

from jobs.models import Job
from jobs.states import State

log = structlog.get_logger(__name__)

# Each query finds rows that must not exist; its first column identifies the row.
_CHECKS = {
    "wallet is not the sum of its ledger": """
        SELECT 'team ' || w.team_id || ': wallet ' || w.balance || '/' || w.reserved || ', ledger '
               || COALESCE(l.balance, 0) || '/' || COALESCE(l.reserved, 0)
        FROM quota_wallet w
        LEFT JOIN (SELECT team_id, SUM(balance_delta) AS balance, SUM(reserved_delta) AS reserved
                   FROM quota_ledgerentry GROUP BY team_id) l USING (team_id)
        WHERE w.balance <> COALESCE(l.balance, 0) OR w.reserved <> COALESCE(l.reserved, 0)""",
    "job without exactly one reserve": """
        SELECT j.id::text FROM jobs_job j
        WHERE (SELECT count(*) FROM quota_ledgerentry e WHERE e.job_id = j.id AND e.kind = 'reserve') <> 1""",
    "finished job without exactly one settle or release": """
        SELECT j.id::text || ' ' || j.state FROM jobs_job j
        WHERE j.finished_at IS NOT NULL
          AND (SELECT count(*) FROM quota_ledgerentry e
               WHERE e.job_id = j.id AND e.kind IN ('settle', 'release')) <> 1""",
    "unfinished job with a settle or release": """
        SELECT j.id::text || ' ' || j.state FROM jobs_job j JOIN quota_ledgerentry e ON e.job_id = j.id
        WHERE j.finished_at IS NULL AND e.kind IN ('settle', 'release')""",
    "settled but not completed, or the reverse": """
        SELECT j.id::text || ' ' || j.state || ' ' || e.kind FROM jobs_job j JOIN quota_ledgerentry e ON e.job_id = j.id
        WHERE e.kind IN ('settle', 'release') AND (e.kind = 'settle') <> (j.state = 'completed')""",
    "charge differs from the settle": """
        SELECT j.id::text FROM jobs_job j JOIN quota_ledgerentry e ON e.job_id = j.id
        WHERE e.kind = 'settle' AND (e.reserved_delta <> -j.quoted_credits
                                     OR j.charged_credits <> j.quoted_credits - e.balance_delta)""",
    "ledger row of a missing job": """
        SELECT DISTINCT e.job_id::text FROM quota_ledgerentry e LEFT JOIN jobs_job j ON j.id = e.job_id
        WHERE e.job_id IS NOT NULL AND j.id IS NULL""",
    # Compared per team, day and model only: jobs lose their reference to a deleted person or key, the counts keep it.
    "usage by day is not the sum of its jobs": """
        SELECT 'team ' || team_id || ' on ' || day || ' with ' || model || ': counted '
               || concat_ws('/', u.credits, u.videos, u.completed, u.gpu_seconds) || ', jobs '
               || concat_ws('/', j.credits, j.videos, j.completed, j.gpu_seconds)
        FROM (SELECT team_id, day, model, SUM(credits) AS credits, SUM(videos) AS videos, SUM(completed) AS completed,
                     SUM(gpu_seconds) AS gpu_seconds FROM quota_usageday GROUP BY team_id, day, model) u
        FULL JOIN (
            SELECT team_id, (created_at AT TIME ZONE 'UTC')::date AS day, model,
                   SUM(COALESCE(charged_credits, quoted_credits)) FILTER (WHERE counts) AS credits,
                   count(*) FILTER (WHERE counts) AS videos, count(*) FILTER (WHERE state = 'completed') AS completed,
                   SUM(gpu_seconds) FILTER (WHERE state = 'completed') AS gpu_seconds
            FROM (SELECT *, state IN ('queued', 'in_progress', 'completed') AS counts FROM jobs_job) job
            GROUP BY 1, 2, 3
        ) j USING (team_id, day, model)
        WHERE COALESCE(u.credits, 0) <> COALESCE(j.credits, 0) OR COALESCE(u.videos, 0) <> COALESCE(j.videos, 0)
           OR COALESCE(u.completed, 0) <> COALESCE(j.completed, 0)
           OR abs(COALESCE(u.gpu_seconds, 0) - COALESCE(j.gpu_seconds, 0)) > 0.001 * (1 + COALESCE(j.videos, 0))""",
    "stored bytes are not the sum of the results": """
        SELECT 'team ' || w.team_id || ': wallet ' || w.stored_bytes || ', results ' || COALESCE(j.bytes, 0)
        FROM quota_wallet w
        LEFT JOIN (SELECT team_id, SUM(result_bytes) AS bytes FROM jobs_job
                   WHERE state = 'completed' AND files_deleted_at IS NULL GROUP BY team_id) j USING (team_id)
        WHERE w.stored_bytes <> COALESCE(j.bytes, 0)""",
}

_BATCH_SIZE = 500


@dataclass(frozen=True)
class Discrepancy:
    """A violation of a rule: the rule, and the row that breaks it."""

    rule: str
    location: str


def check_ledger() -> int:
    """Log each discrepancy between wallets and ledger. It repairs nothing, since it cannot know which side is right."""
    discrepancies = list(find_discrepancies())
    for discrepancy in discrepancies:
        log.error("ledger_discrepancy_found", rule=discrepancy.rule, location=discrepancy.location)
    return len(discrepancies)


def find_discrepancies() -> Iterator[Discrepancy]:
    """Yield the discrepancies between wallets, ledger and jobs. A healthy system has none."""
    with connection.cursor() as cursor:
        for rule, sql in _CHECKS.items():
            cursor.execute(sql)
            for (location,) in cursor.fetchall():
                yield Discrepancy(rule, location)


def find_missing_results() -> Iterator[Discrepancy]:
    """Yield the published files of completed jobs that are not in the storage."""
    jobs = Job.objects.filter(state=State.COMPLETED, deleted_at=None, files_deleted_at=None)
    for job in (
        jobs.only("id", "result_key", "poster_key").prefetch_related("renditions").iterator(chunk_size=_BATCH_SIZE)
    ):
        for key in (job.result_key, job.poster_key, *(rendition.key for rendition in job.renditions.all())):
            if not default_storage.exists(key):
                yield Discrepancy("published file is missing", f"{job.id} {key}")
