"""The outbox: what happened to a job, written in the transaction that made it so."""

import uuid

from accounts.tenancy.postgres.prepared import fetch_one

_RECORD = """
INSERT INTO jobs_jobevent (job_id, kind, created_at) VALUES (%(job)s::uuid, %(kind)s::text, clock_timestamp())
ON CONFLICT DO NOTHING RETURNING id
"""


def record_event(job_id: uuid.UUID, kind: str) -> None:
    """One row per job and kind: a second start after a crash is not a second `started`."""
    fetch_one(_RECORD, {"job": job_id, "kind": kind})
