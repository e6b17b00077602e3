"""Money: each function changes a wallet and writes the ledger row that explains it, in the caller's transaction.

The wallet row's lock serialises a team's movements; CHECKs and partial unique indexes refuse what code overlooks.
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
# Joins the caller's transaction without a savepoint of its own: two round trips less for each movement.
_atomic_without_savepoint = transaction.atomic(savepoint=False)
STANDARD_PLAN = "standard"
STARTING_REASON = "starting credits"
# In one movement by hand; what is more is a slip of the finger.
MAX_CREDITS_PER_ENTRY = 1_000_000_000


@transaction.atomic
def open_wallet(*, team: Team) -> Wallet:
    """A wallet on the standard plan, with the starting credits of the settings."""
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
    """Adds credits to the free balance. period: the first day of the month, where they are that month's."""
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
    """Corrects the free balance, up or down. Raises Conflict where it would fall below nothing."""
    if not Wallet.objects.filter(team=team, balance__gte=-credits).update(balance=F("balance") + credits):
        raise Conflict(f"The team has fewer than {-credits} credits left. Take away less.", code="balance_too_low")
    _write_ledger_entry(team=team, kind=Kind.ADJUST, balance_delta=credits, reason=reason, actor=actor, period=period)


def _write_ledger_entry(**columns: Any) -> None:
    LedgerEntry.objects.create(reserved_delta=0, **columns)


def assign_plan(*, team: Team, plan: Plan) -> bool:
    """Puts a team on a plan, from its next request on. Returns False when it is on it already."""
    return bool(Wallet.objects.filter(team=team).exclude(plan=plan).update(plan=plan))


# One round trip: the wallet's lock first, then the ledger row that explains the change, then what is counted by day.
# Everything hangs on the first part: a wallet that does not have so much is left alone, and nothing is written.
_MOVE_CREDITS = """
WITH moved AS (
    UPDATE quota_wallet SET balance = balance + %(balance)s::bigint, reserved = reserved + %(reserved)s::bigint,
           stored_bytes = stored_bytes + %(stored_bytes)s::bigint
    WHERE team_id = %(team_id)s::bigint AND balance + %(balance)s::bigint >= 0
    RETURNING team_id
), explained AS (
    INSERT INTO quota_ledgerentry (team_id, kind, job_id, balance_delta, reserved_delta, reason, created_at)
    SELECT team_id, %(kind)s::text, %(job_id)s::uuid, %(balance)s::bigint, %(reserved)s::bigint, '', clock_timestamp()
    FROM moved
), counted AS (
    INSERT INTO quota_usageday AS present
           (team_id, day, user_id, api_key_id, model, credits, videos, completed, gpu_seconds)
    SELECT team_id, %(day)s::date, %(user_id)s::bigint, %(api_key_id)s::bigint, %(model)s::text,
           -%(balance)s::bigint, %(videos)s::int, %(completed)s::int, %(gpu_seconds)s::float8 FROM moved
    ON CONFLICT (team_id, day, user_id, api_key_id, model) DO UPDATE SET
        credits = present.credits + EXCLUDED.credits, videos = present.videos + EXCLUDED.videos,
        completed = present.completed + EXCLUDED.completed, gpu_seconds = present.gpu_seconds + EXCLUDED.gpu_seconds
)
SELECT team_id FROM moved
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
) -> bool:
    """Moves credits of a job and counts its use. Returns False where the free balance does not reach."""
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
    return fetch_one(_MOVE_CREDITS, movement) is not None


def reserve(*, usage_key: UsageKey, job_id: uuid.UUID, credits: int, monthly: int | None = None) -> None:  # noqa: A002
    """Promises credits to a job. Raises LimitExceeded (`quota_exceeded`) where the free balance does not reach.

    monthly: the credits that the team gets with each month, for those who are refused; None where it gets none.
    """
    if _move_credits(Kind.RESERVE, usage_key=usage_key, job_id=job_id, balance=-credits, reserved=credits, videos=1):
        return
    left = Wallet.objects.values_list("balance", flat=True).get(team=usage_key.team_id)
    refill = None if monthly is None else seconds_until_next_month(usage_key.day)
    raise LimitExceeded(
        f"This video needs {credits} credits and the team has {left} left. "
        "Choose a smaller preset, or ask for more credits.",
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
    """Closes a job's reserve with a charge of at most the reserve; the rest returns to the balance."""
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
    """Closes a job's reserve without a charge; the video counts as none."""
    _move_credits(Kind.RELEASE, usage_key=usage_key, job_id=job_id, balance=reserved, reserved=-reserved, videos=-1)


@_atomic_without_savepoint
def free_storage(*, team_id: int, stored_bytes: int) -> None:
    """Says that a result was deleted."""
    Wallet.objects.filter(team=team_id).update(stored_bytes=F("stored_bytes") - stored_bytes)
