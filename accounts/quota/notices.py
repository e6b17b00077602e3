"""What a page says above its content when credits run out: the team's, or the person's own share of them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Membership
from accounts.principals import Principal
from accounts.quota.models import QuotaWarning, UsageDay, Wallet
from accounts.quota.months import month_after, month_of
from accounts.quota.standing import MONTHLY_CREDITS, Standing, level_of, percent


@dataclass(frozen=True)
class Notice:
    """One warning. `key` changes with team, month and level: who has put it aside sees the next one."""

    key: str
    is_own: bool
    level: int
    percent: int
    used: int
    limit: int
    left: int
    resets_on: date | None


@dataclass(frozen=True)
class Purse:
    """The wallet that every page shows, and what is to be said about it."""

    balance: int
    notices: tuple[Notice, ...]


def purse_of(principal: Principal, *, now: datetime | None = None) -> Purse:
    """In one query. Use is only summed for a team that was warned this month, or a person with a cap."""
    month = month_of(now or timezone.now())
    team_id, found = principal.team.pk, _look(principal, month)
    notices = []
    if found["used"] is not None:
        notices.append(_of_team(team_id, Standing(found["used"], found["balance"], found["monthly"]), month))
    if found["own_used"] is not None:
        notices.append(_of_person(team_id, found["own_used"], found["own_cap"], month))
    return Purse(found["balance"], tuple(notice for notice in notices if notice.level))


def _look(principal: Principal, month: date) -> dict[str, Any]:
    use = UsageDay.objects.filter(team=OuterRef("pk"), day__gte=month, day__lt=month_after(month))
    warned = QuotaWarning.objects.filter(team=OuterRef("pk"), period=month).order_by("-percent")
    member = Membership.objects.filter(team=OuterRef("pk"), user=principal.user)
    wallets = Wallet.objects.filter(team=principal.team).annotate(
        monthly=MONTHLY_CREDITS,
        warned=Subquery(warned.values("percent")[:1]),
        own_cap=Subquery(member.values("credits_per_month")),
        # CASE asks what follows THEN only where it is needed.
        used=Case(When(warned__isnull=False, then=_total(use)), default=None),
        own_used=Case(When(own_cap__isnull=False, then=_total(use.filter(user=principal.user))), default=None),
    )
    found: dict[str, Any] = wallets.values("balance", "monthly", "own_cap", "used", "own_used").get()
    return found


def _total(use: QuerySet[UsageDay]) -> Coalesce:
    return Coalesce(Subquery(use.order_by().values("team").annotate(total=Sum("credits")).values("total")), 0)


def _of_team(team_id: int, standing: Standing, month: date) -> Notice:
    level = level_of(standing.percent)
    return Notice(
        key=f"{team_id}-{month:%Y-%m}-team-{level}",
        is_own=False,
        level=level,
        percent=standing.percent,
        used=standing.used,
        limit=standing.whole,
        left=standing.balance,
        resets_on=standing.resets_on(month),
    )


def _of_person(team_id: int, used: int, cap: int, month: date) -> Notice:
    share = percent(used, cap) if cap else 100
    level = level_of(share)
    return Notice(
        key=f"{team_id}-{month:%Y-%m}-own-{level}",
        is_own=True,
        level=level,
        percent=share,
        used=used,
        limit=cap,
        left=max(0, cap - used),
        resets_on=month_after(month),
    )
