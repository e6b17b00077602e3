"""The outbox: events of jobs, written in the transaction that changes the job."""

import uuid

from accounts.tenancy.postgres.prepared import fetch_one
from common.tasks.queues import enqueue_on_commit

_RECORD = """
INSERT INTO jobs_jobevent (job_id, kind, created_at) VALUES (%(job)s::uuid, %(kind)s::text, clock_timestamp())
ON CONFLICT DO NOTHING RETURNING id
"""


def record_event(job_id: uuid.UUID, kind: str) -> None:
    """Record an event. There is one row per job and kind: a second start after a crash records nothing.

    It is dispatched at the interval of the task. If a webhook or a batch may wait for it, the caller also calls
    `dispatch_outbox_on_commit`.
    """
    fetch_one(_RECORD, {"job": job_id, "kind": kind})


def dispatch_outbox_on_commit() -> None:
    """Have the present transaction's events dispatched as soon as it is committed."""
    enqueue_on_commit("dispatch_outbox")
