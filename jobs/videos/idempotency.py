"""A submit that is sent twice makes one job: the client's key is written in the transaction that accepts the job."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from accounts.tenancy.postgres.prepared import fetch_one
from common.clock import DatabaseNow
from common.errors import Conflict, InvalidField
from jobs.models import IdempotencyRecord, Job

KEY_RETENTION = timedelta(hours=24)
_MAX_KEY_LENGTH = 255
# Waits for another submit with this key to commit or roll back, then knows. A key that has run out is free again.
_INSERT_KEY = """
INSERT INTO jobs_idempotencyrecord AS record (team_id, key, fingerprint, job_id, created_at)
VALUES (%(team)s::bigint, %(key)s::text, %(fingerprint)s::bytea, %(job)s::uuid, clock_timestamp())
ON CONFLICT (team_id, key) DO UPDATE
SET fingerprint = EXCLUDED.fingerprint, job_id = EXCLUDED.job_id, created_at = EXCLUDED.created_at
WHERE record.created_at <= clock_timestamp() - %(kept)s::interval
RETURNING id
"""
# Nearly every key is new.
_KEY_EXISTS = """
SELECT 1 FROM jobs_idempotencyrecord
WHERE team_id = %(team)s::bigint AND key = %(key)s::text AND created_at > clock_timestamp() - %(kept)s::interval
"""


@dataclass(frozen=True)
class IdempotencyKey:
    """The client's key, good for 24 hours in its team, and a SHA-256 of what it was sent with."""

    key: str
    fingerprint: bytes


def build_idempotency_key(key: str | None, values: Mapping[str, Any]) -> IdempotencyKey | None:
    """From the header and the fields of the body. Raises InvalidField for a key that we would not keep."""
    if key is None:
        return None
    if not 1 <= len(key) <= _MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        message = f"Idempotency-Key must be 1 to {_MAX_KEY_LENGTH} printable ASCII characters."
        raise InvalidField(message, code="idempotency_key_invalid", param="Idempotency-Key")
    digest = hashlib.sha256()
    for name, value in sorted(values.items()):
        digest.update(f"{name}\n".encode())
        digest.update(_file_digest(value) if hasattr(value, "chunks") else json.dumps(value, sort_keys=True).encode())
    return IdempotencyKey(key, digest.digest())


def _file_digest(file: Any) -> bytes:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()


def find_replayed_job(*, team_id: int, idempotency: IdempotencyKey) -> Job | None:
    """The job that this key made already, or None. Raises Conflict when it came with another body."""
    if fetch_one(_KEY_EXISTS, {"team": team_id, "key": idempotency.key, "kept": KEY_RETENTION}) is None:
        return None
    records = IdempotencyRecord.objects.filter(team_id=team_id, key=idempotency.key)
    record = records.filter(created_at__gt=DatabaseNow() - KEY_RETENTION).select_related("job").first()
    if record is None:
        return None
    if bytes(record.fingerprint) != idempotency.fingerprint:
        message = "This Idempotency-Key was used with another body. Send the same body, or a new key."
        raise Conflict(message, code="idempotency_conflict", param="Idempotency-Key")
    if record.job.deleted_at is not None:
        message = "This Idempotency-Key made a video that was deleted since. Send a new key to make another."
        raise Conflict(message, code="idempotency_conflict", param="Idempotency-Key")
    return record.job


def save_key(*, job: Job, idempotency: IdempotencyKey) -> bool:
    """Writes the key down, in the transaction of the submit. Returns False when another submit was first."""
    row: dict[str, Any] = {
        "team": job.team_id,
        "key": idempotency.key,
        "fingerprint": idempotency.fingerprint,
        "job": job.id,
        "kept": KEY_RETENTION,
    }
    return fetch_one(_INSERT_KEY, row) is not None


def delete_expired_keys() -> int:
    """Deletes what is older than 24 hours."""
    return IdempotencyRecord.objects.filter(created_at__lte=DatabaseNow() - KEY_RETENTION).delete()[0]
