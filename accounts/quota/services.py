"""Movements of credits: each function changes a wallet and writes its ledger row, in the caller's transaction.

The lock on the wallet's row serializes a team's movements; CHECK constraints and partial unique indexes reject what the
code overlooks.
"""

import uuid
from dataclasses import asdict
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts.models import Team, User
from accounts.quota.models import LedgerEntry, Plan, Wallet
from accounts.quota.quotas import seconds_until_next_month
from accounts.quota.usage_key import UsageKey
from accounts.tenancy.postgres.prepared import fetch_one
from common.errors import Conflict, LimitExceeded

Kind = LedgerEntry.Kind
# Joins the caller's transaction without its own savepoint, which saves two round trips per movement.
_atomic_without_savepoint = transaction.atomic(savepoint=False)
STANDARD_PLAN = "standard"
STARTING_REASON = "starting credits"
# Limit of one manual movement: a larger number is a typing error.
MAX_CREDITS_PER_ENTRY = 1_000_000_000


@transaction.atomic
def open_wallet(*, team: Team) -> Wallet:
    """Create a wallet on the standard plan, with the starting credits from the settings."""
    plan, _ = Plan.objects.get_or_create(name=STANDARD_PLAN)
    wallet = Wallet.objects.create(team=team, plan=plan)
    if settings.STARTING_CREDITS:
        grant(team=team, credits=settings.STARTING_CREDITS, reason=STARTING_REASON)
    return wallet


@_atomic_without_savepoint
def grant(
    *,
    team: Team,
    credits: int,  # noqa: A002 (the product's word)
    reason: str,
    actor: User | None = None,
    period: date | None = None,
) -> None:
    """Add credits to the free balance. period: first day of the month, for monthly credits."""
    Wallet.objects.filter(team=team).update(balance=F("balance") + credits)
    _write_ledger_entry(team=team, kind=Kind.GRANT, balance_delta=credits, reason=reason, actor=actor, period=period)


@_atomic_without_savepoint
def adjust(
    *,
    team: Team,
    credits: int,  # noqa: A002
    reason: str,
    actor: User | None = None,
    period: date | None = None,
) -> None:
    """Increase or decrease the free balance. Raises Conflict if it would become negative."""
    if not Wallet.objects.filter(team=team, balance__gte=-credits).update(balance=F("balance") + credits):
        raise Conflict(
            "The team has fewer than %(credits)s credits left. Take away fewer credits.",
            {"credits": -credits},
            code="balance_too_low",
        )
    _write_ledger_entry(team=team, kind=Kind.ADJUST, balance_delta=credits, reason=reason, actor=actor, period=period)


def _write_ledger_entry(**columns: Any) -> None:
    LedgerEntry.objects.create(reserved_delta=0, **columns)


def assign_plan(*, team: Team, plan: Plan) -> bool:
    """Assign a plan to a team, effective from its next request. Returns False if the team already has it."""
    return bool(Wallet.objects.filter(team=team).exclude(plan=plan).update(plan=plan))


# One round trip: lock and change the wallet, insert the ledger row, then count the usage of the day. If the balance is
# too low, the first part changes no row, and so nothing is written. A reserve may replace the id, see `reserve`.
_MOVE_CREDITS = """
WITH moved AS (
    UPDATE quota_wallet SET balance = balance + %(balance)s::bigint, reserved = reserved + %(reserved)s::bigint,
           stored_bytes = stored_bytes + %(stored_bytes)s::bigint,
           last_job_id = CASE WHEN %(kind)s::text = 'reserve'
                              THEN greatest(%(job_id)s::uuid, quota_next_id(last_job_id)) ELSE last_job_id END
    WHERE team_id = %(team_id)s::bigint AND balance + %(balance)s::bigint >= 0
    RETURNING team_id, CASE WHEN %(kind)s::text = 'reserve' THEN last_job_id ELSE %(job_id)s::uuid END AS job_id
), ledger AS (
    INSERT INTO quota_ledgerentry (team_id, kind, job_id, balance_delta, reserved_delta, reason, created_at)
    SELECT team_id, %(kind)s::text, job_id, %(balance)s::bigint, %(reserved)s::bigint, '', clock_timestamp()
    FROM moved
), counted AS (
    INSERT INTO quota_usageday AS existing
           (team_id, day, user_id, api_key_id, model, credits, videos, completed, gpu_seconds)
    SELECT team_id, %(day)s::date, %(user_id)s::bigint, %(api_key_id)s::bigint, %(model)s::text,
           -%(balance)s::bigint, %(videos)s::int, %(completed)s::int, %(gpu_seconds)s::float8 FROM moved
    ON CONFLICT (team_id, day, user_id, api_key_id, model) DO UPDATE SET
        credits = existing.credits + EXCLUDED.credits, videos = existing.videos + EXCLUDED.videos,
        completed = existing.completed + EXCLUDED.completed, gpu_seconds = existing.gpu_seconds + EXCLUDED.gpu_seconds
)
SELECT job_id FROM moved
"""


def _move_credits(
    kind: Kind,
    *,
    usage_key: UsageKey,
    job_id: uuid.UUID,
    balance: int,
    reserved: int,
    videos: int = 0,
    completed: int = 0,
    gpu_seconds: float = 0,
    stored_bytes: int = 0,
) -> uuid.UUID | None:
    """Move credits of a job and count its usage. Returns the id of the job, None if the free balance is too low."""
    movement = asdict(usage_key) | {
        "kind": kind,
        "job_id": job_id,
        "balance": balance,
        "reserved": reserved,
        "videos": videos,
        "completed": completed,
        "gpu_seconds": gpu_seconds,
        "stored_bytes": stored_bytes,
    }
    row = fetch_one(_MOVE_CREDITS, movement)
    return row[0] if row else None


def reserve(
    *,
    usage_key: UsageKey,
    job_id: uuid.UUID,
    credits: int,  # noqa: A002
    monthly: int | None = None,
) -> uuid.UUID:
    """Reserve credits for a job that the caller inserts. Raises LimitExceeded (`quota_exceeded`) if there are too few.

    job_id: made by `new_id`. Returns the id that the job gets: this one, or the next after the team's last one if that
    is greater, because its submit was faster or its clock is ahead. The lock on the wallet is held until the commit, so
    the ids of a team become visible in ascending order: a list that continues after an id never skips a job.
    monthly: the team's monthly credits, for the error; None if it has none.
    """
    reserved_id = _move_credits(
        Kind.RESERVE, usage_key=usage_key, job_id=job_id, balance=-credits, reserved=credits, videos=1
    )
    if reserved_id is not None:
        return reserved_id
    left = Wallet.objects.values_list("balance", flat=True).get(team=usage_key.team_id)
    refill = None if monthly is None else seconds_until_next_month(usage_key.day)
    raise LimitExceeded(
        "Not enough credits: this video needs %(needed)s and the team has %(left)s left. "
        "Choose a smaller preset, or ask for more credits.",
        {"needed": credits, "left": left},
        code="quota_exceeded",
        extra={
            "scope": "team",
            "quota": "credits",
            "needed": credits,
            "limit": monthly,
            "remaining": left,
            "reset": refill,
        },
        retry_after_seconds=refill,
    )


def settle(
    *, usage_key: UsageKey, job_id: uuid.UUID, reserved: int, charged: int, gpu_seconds: float, stored_bytes: int
) -> None:
    """Finish a job's reserve with a charge of at most its amount; the rest returns to the balance."""
    _move_credits(
        Kind.SETTLE,
        usage_key=usage_key,
        job_id=job_id,
        balance=reserved - charged,
        reserved=-reserved,
        completed=1,
        gpu_seconds=gpu_seconds,
        stored_bytes=stored_bytes,
    )


def release(*, usage_key: UsageKey, job_id: uuid.UUID, reserved: int) -> None:
    """Return a job's reserve in full; the video is not counted."""
    _move_credits(Kind.RELEASE, usage_key=usage_key, job_id=job_id, balance=reserved, reserved=-reserved, videos=-1)


@_atomic_without_savepoint
def free_storage(*, team_id: int, stored_bytes: int) -> None:
    """Subtract the size of a deleted result."""
    Wallet.objects.filter(team=team_id).update(stored_bytes=F("stored_bytes") - stored_bytes)
