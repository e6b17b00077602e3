"""Monthly credits: granted once per month to every team whose plan has some and which is not deleted.

Monthly credits are spent before all others. Without rollover, the unspent part of a month's grant expires in the
transaction that makes the next grant; starting credits and grants by administrators never expire. A reserve that is
released after the end of the month first restores what it took from other credits; the rest of it expires with the
next grant.

A grant belongs to the month, not to the plan: a team that changes from one plan with monthly credits to another gets
the new amount from the next month on.
"""

from datetime import date, datetime

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from accounts.quota.credit_usage import MONTHLY_CREDITS
from accounts.quota.effective_limits import effective_limits_of_wallet
from accounts.quota.models import LedgerEntry, Wallet
from accounts.quota.months import month_before, month_of, months_between
from accounts.quota.services import Kind, adjust, grant

log = structlog.get_logger(__name__)


def grant_due_monthly_credits(*, now: datetime | None = None) -> int:
    """Grant every team the credits due since the last run. Returns the number of teams.

    Any number of processes may run this at any time: the lock on the wallet lets one grant to each team.
    """
    month = month_of(now or timezone.now())
    _skip_plans_without_monthly_credits(month)
    due = _not_granted(month).filter(team__deleted_at=None).alias(monthly=MONTHLY_CREDITS).filter(monthly__gt=0)
    return sum(_grant_to(team_id, month) for team_id in list(due.values_list("pk", flat=True)))


def _not_granted(month: date) -> QuerySet[Wallet]:
    return Wallet.objects.filter(Q(granted_through=None) | Q(granted_through__lt=month))


def _skip_plans_without_monthly_credits(month: date) -> None:
    """Mark months on a plan without monthly credits as granted, so that they are not granted later."""
    before = month_before(month)
    without = Wallet.objects.alias(monthly=MONTHLY_CREDITS).filter(Q(monthly=None) | Q(monthly=0))
    passed = list(without.filter(granted_through__lt=before).values_list("pk", flat=True))
    Wallet.objects.filter(pk__in=passed, granted_through__lt=before).update(granted_through=before)


@transaction.atomic
def _grant_to(team_id: int, month: date) -> bool:
    """Return False if another process was faster, or the plan has changed meanwhile."""
    locked = _not_granted(month).filter(pk=team_id).select_for_update(of=("self",))
    wallet = locked.select_related("plan", "team__plan_override").first()
    if wallet is None:
        return False
    effective_limits = effective_limits_of_wallet(wallet)
    if not effective_limits.monthly_credits:
        return False
    if not effective_limits.rollover:
        _expire_unspent_credits(wallet)
    missed_since = wallet.granted_through if effective_limits.rollover else None
    for period in months_between(missed_since or month_before(month), month):
        reason = f"credits of {period:%Y-%m}"
        grant(team=wallet.team, credits=effective_limits.monthly_credits, reason=reason, period=period)
        log.info("monthly_credits_granted", team=team_id, period=str(period), credits=effective_limits.monthly_credits)
    Wallet.objects.filter(pk=team_id).update(granted_through=month)
    return True


def _expire_unspent_credits(wallet: Wallet) -> None:
    """Take back the unspent part of the last monthly grant."""
    grants = LedgerEntry.objects.for_team(wallet.team).filter(kind=Kind.GRANT, period__isnull=False).order_by("-id")
    if not (newest := list(grants[:2])):
        return
    last, *earlier = newest
    left = _unspent(last)
    for before in earlier:
        # Reserves from the grant before that one which were released after its month.
        left += _unspent(before, until=last) - _unspent(before, until=last, as_of=last)
    expiring = min(left, wallet.balance)
    if expiring > 0:
        reason = f"unspent credits of {last.period:%Y-%m}"
        adjust(team=wallet.team, credits=-expiring, reason=reason, period=last.period)


def _unspent(entry: LedgerEntry, *, until: LedgerEntry | None = None, as_of: LedgerEntry | None = None) -> int:
    """Return what a grant has left after the jobs submitted since then.

    until: count only jobs submitted before this row. as_of: the value at the time when this row was written. Ids are
    in chronological order, since all rows are written under one lock.
    """
    rows = LedgerEntry.objects.for_team(entry.team).filter(id__gt=entry.id)
    reserves = rows.filter(kind=Kind.RESERVE)
    if until:
        reserves = reserves.filter(id__lt=until.id)
    if as_of:
        rows = rows.filter(id__lt=as_of.id)
    spent = rows.filter(job_id__in=reserves.values("job_id")).aggregate(total=Sum("balance_delta"))["total"] or 0
    return max(0, entry.balance_delta + spent)
