"""Money: each function changes a wallet and writes the ledger row that explains it, in the caller's transaction.

The wallet row's lock serialises a team's movements; CHECKs and partial unique indexes refuse what code overlooks.
"""

import uuid
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts.models import Team, User
from accounts.quota.models import LedgerEntry, Plan, Wallet
from accounts.quota.usage import Use, count
from common.errors import Conflict, LimitExceeded

Kind = LedgerEntry.Kind
# Joins the caller's transaction without a savepoint of its own: two round trips less for each movement.
_joined = transaction.atomic(savepoint=False)
STANDARD_PLAN = "standard"
STARTING_REASON = "starting credits"
# In one movement by hand; what is more is a slip of the finger.
MOST_CREDITS = 1_000_000_000


@transaction.atomic
def open_wallet(*, team: Team) -> Wallet:
    """A wallet on the standard plan, with the starting credits of the settings."""
    plan, _ = Plan.objects.get_or_create(name=STANDARD_PLAN)
    wallet = Wallet.objects.create(team=team, plan=plan)
    if settings.STARTING_CREDITS:
        grant(team=team, credits=settings.STARTING_CREDITS, reason=STARTING_REASON)
    return wallet


@_joined
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
    _write(team=team, kind=Kind.GRANT, balance_delta=credits, reason=reason, actor=actor, period=period)


@_joined
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
    _write(team=team, kind=Kind.ADJUST, balance_delta=credits, reason=reason, actor=actor, period=period)


def _write(**columns: Any) -> None:
    LedgerEntry.objects.create(reserved_delta=0, **columns)


def assign_plan(*, team: Team, plan: Plan) -> bool:
    """Puts a team on a plan, from its next request on. Returns False when it is on it already."""
    return bool(Wallet.objects.filter(team=team).exclude(plan=plan).update(plan=plan))


@_joined
def reserve(*, use: Use, job_id: uuid.UUID, credits: int, refill_seconds: int | None = None) -> None:  # noqa: A002
    """Promises credits to a job. Raises LimitExceeded (`quota_exceeded`) where the free balance does not reach.

    refill_seconds: until the team gets credits again, for those who are refused; None where that is not known.
    """
    changed = Wallet.objects.filter(team=use.team_id, balance__gte=credits).update(
        balance=F("balance") - credits, reserved=F("reserved") + credits
    )
    if not changed:
        left = Wallet.objects.values_list("balance", flat=True).get(team=use.team_id)
        raise LimitExceeded(
            f"This video needs {credits} credits and the team has {left} left. "
            "Choose a smaller preset, or ask for more credits.",
            code="quota_exceeded",
            extra={
                "scope": "team",
                "quota": "credits",
                "limit": credits,
                "remaining": left,
                "reset": refill_seconds,
            },
            retry_after_seconds=refill_seconds,
        )
    LedgerEntry.objects.create(
        team_id=use.team_id, kind=Kind.RESERVE, job_id=job_id, balance_delta=-credits, reserved_delta=credits
    )
    count(use=use, credits=credits, videos=1)


@_joined
def settle(*, use: Use, job_id: uuid.UUID, reserved: int, charged: int, gpu_seconds: float, stored_bytes: int) -> None:
    """Closes a job's reserve with a charge of at most the reserve; the rest returns to the balance."""
    back = reserved - charged
    Wallet.objects.filter(team=use.team_id).update(
        reserved=F("reserved") - reserved, balance=F("balance") + back, stored_bytes=F("stored_bytes") + stored_bytes
    )
    LedgerEntry.objects.create(
        team_id=use.team_id, kind=Kind.SETTLE, job_id=job_id, balance_delta=back, reserved_delta=-reserved
    )
    count(use=use, credits=-back, completed=1, gpu_seconds=gpu_seconds)


@_joined
def release(*, use: Use, job_id: uuid.UUID, reserved: int) -> None:
    """Closes a job's reserve without a charge; the video counts as none."""
    Wallet.objects.filter(team=use.team_id).update(reserved=F("reserved") - reserved, balance=F("balance") + reserved)
    LedgerEntry.objects.create(
        team_id=use.team_id, kind=Kind.RELEASE, job_id=job_id, balance_delta=reserved, reserved_delta=-reserved
    )
    count(use=use, credits=-reserved, videos=-1)


@_joined
def free_storage(*, team_id: int, stored_bytes: int) -> None:
    """Says that a result was deleted."""
    Wallet.objects.filter(team=team_id).update(stored_bytes=F("stored_bytes") - stored_bytes)
