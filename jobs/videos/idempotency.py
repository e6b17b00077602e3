"""Idempotency keys: a repeated submit creates one job. The transaction that accepts the job saves the key."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q

from accounts.tenancy.postgres.prepared import fetch_one
from common.clock import DatabaseNow
from common.errors import Conflict, InvalidField
from jobs.models import IdempotencyRecord, Job
from jobs.states import TERMINAL

KEY_RETENTION = timedelta(hours=24)
_MAX_KEY_LENGTH = 255
# Waits until a concurrent submit with this key commits or rolls back. An expired key can be used again.
_INSERT_KEY = """
INSERT INTO jobs_idempotencyrecord AS record (team_id, key, fingerprint, job_id, created_at)
VALUES (%(team)s::bigint, %(key)s::text, %(fingerprint)s::bytea, %(job)s::uuid, clock_timestamp())
ON CONFLICT (team_id, key) DO UPDATE
SET fingerprint = EXCLUDED.fingerprint, job_id = EXCLUDED.job_id, created_at = EXCLUDED.created_at
WHERE record.created_at <= clock_timestamp() - %(retention)s::interval
RETURNING id
"""
# A cheap check first: nearly every key is new.
_KEY_EXISTS = """
SELECT 1 FROM jobs_idempotencyrecord
WHERE team_id = %(team)s::bigint AND key = %(key)s::text AND created_at > clock_timestamp() - %(retention)s::interval
"""


@dataclass(frozen=True)
class IdempotencyKey:
    """A client's key, which its team can use for 24 hours, and the SHA-256 digest of the fields it was sent with."""

    key: str
    fingerprint: bytes


def build_idempotency_key(key: str | None, values: Mapping[str, Any]) -> IdempotencyKey | None:
    """Return the key of a header with the digest of the body's fields. Raise InvalidField for an invalid key."""
    if key is None:
        return None
    if not 1 <= len(key) <= _MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise InvalidField(
            "Idempotency-Key must be 1 to %(limit)s printable ASCII characters.",
            {"limit": _MAX_KEY_LENGTH},
            code="idempotency_key_invalid",
            param="Idempotency-Key",
        )
    return IdempotencyKey(key, _fingerprint(values))


def without_nulls(body: Any) -> Any:
    """Return a body as a client sent it, without its nulls: they are the same as missing fields."""
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if value is not None}


def build_form_key(form_key: str, values: Mapping[str, Any]) -> IdempotencyKey:
    """Return the key of a form that was rendered with `form_key`, for this content.

    The content is part of the key: the same form with other content is another submit and no conflict. The hash also
    bounds what a client sends.
    """
    fingerprint = _fingerprint(values)
    digest = hashlib.sha256(form_key.encode() + fingerprint)
    return IdempotencyKey(f"form-{digest.hexdigest()}", fingerprint)


def build_running_key(user_id: int, values: Mapping[str, Any]) -> IdempotencyKey:
    """Return the key that a person's request shares with its repeats; see `release_finished_key`."""
    fingerprint = _fingerprint(values)
    return IdempotencyKey(f"running-{user_id}-{fingerprint.hex()}", fingerprint)


def release_finished_key(*, team_id: int, key: IdempotencyKey) -> None:
    """Delete the key if its job is finished or deleted: a repeat joins a running job only."""
    finished = Q(job__state__in=TERMINAL) | Q(job__deleted_at__isnull=False)
    IdempotencyRecord.objects.filter(finished, team_id=team_id, key=key.key).delete()


def _fingerprint(values: Mapping[str, Any]) -> bytes:
    digest = hashlib.sha256()
    for name, value in sorted(values.items()):
        digest.update(f"{name}\n".encode())
        digest.update(_file_digest(value) if hasattr(value, "chunks") else json.dumps(value, sort_keys=True).encode())
    return digest.digest()


def _file_digest(file: Any) -> bytes:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()


def find_replayed_job(*, team_id: int, idempotency: IdempotencyKey) -> Job | None:
    """Return the job that was created with this key, or None. Raise Conflict if it was sent with another body."""
    if fetch_one(_KEY_EXISTS, {"team": team_id, "key": idempotency.key, "retention": KEY_RETENTION}) is None:
        return None
    records = IdempotencyRecord.objects.filter(team_id=team_id, key=idempotency.key)
    record = records.filter(created_at__gt=DatabaseNow() - KEY_RETENTION).select_related("job").first()
    if record is None:
        return None
    if bytes(record.fingerprint) != idempotency.fingerprint:
        raise Conflict(
            "This Idempotency-Key was used with another body. Send the same body, or a new key.",
            code="idempotency_conflict",
            param="Idempotency-Key",
        )
    if record.job.deleted_at is not None:
        raise Conflict(
            "The video of this Idempotency-Key was deleted. Send a new key to create another video.",
            code="idempotency_conflict",
            param="Idempotency-Key",
        )
    return record.job


def save_key(*, job: Job, idempotency: IdempotencyKey) -> bool:
    """Save the key in the transaction of the submit. Return False if another submit has saved it already."""
    row: dict[str, Any] = {
        "team": job.team_id,
        "key": idempotency.key,
        "fingerprint": idempotency.fingerprint,
        "job": job.id,
        "retention": KEY_RETENTION,
    }
    return fetch_one(_INSERT_KEY, row) is not None


def delete_expired_keys() -> int:
    """Delete keys older than 24 hours and return their number."""
    return IdempotencyRecord.objects.filter(created_at__lte=DatabaseNow() - KEY_RETENTION).delete()[0]
