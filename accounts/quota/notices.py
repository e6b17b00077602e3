"""What a page says above its content when credits run out: the team's, or the person's own share of them."""

from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone

from accounts.principals import Principal
from accounts.quota.models import Wallet
from accounts.quota.months import month_after, month_of
from accounts.quota.standing import Standing, level_of, percent
from accounts.tenancy.postgres.prepared import first_row


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


# Written out: every page asks it, and Django takes longer to write it than Postgres to answer it. Use is only summed
# for a team that was warned this month, or a person with a cap: CASE asks what follows THEN where it is needed.
_LOOK = """
SELECT wallet.balance, COALESCE(override.monthly_credits, plan.monthly_credits), member.credits_per_month,
       CASE WHEN EXISTS (SELECT 1 FROM quota_quotawarning
                         WHERE team_id = wallet.team_id AND period = %(month)s)
            THEN (SELECT COALESCE(sum(credits), 0)::bigint FROM quota_usageday
                  WHERE team_id = wallet.team_id AND day >= %(month)s AND day < %(next_month)s) END,
       CASE WHEN member.credits_per_month IS NOT NULL
            THEN (SELECT COALESCE(sum(credits), 0)::bigint FROM quota_usageday
                  WHERE team_id = wallet.team_id AND day >= %(month)s AND day < %(next_month)s
                    AND user_id = %(user)s) END
FROM quota_wallet wallet
JOIN quota_plan plan ON plan.id = wallet.plan_id
LEFT JOIN quota_planoverride override ON override.team_id = wallet.team_id
LEFT JOIN accounts_membership member ON member.team_id = wallet.team_id AND member.user_id = %(user)s
WHERE wallet.team_id = %(team)s
"""


def purse_of(principal: Principal, *, now: datetime | None = None) -> Purse:
    """In one query. Raises Wallet.DoesNotExist."""
    month, team_id = month_of(now or timezone.now()), principal.team.pk
    asked = {"team": team_id, "user": principal.user.pk, "month": month, "next_month": month_after(month)}
    found = first_row(_LOOK, asked)
    if found is None:
        raise Wallet.DoesNotExist(f"Team {team_id} has no wallet.")
    balance, monthly, own_cap, used, own_used = found
    notices = []
    if used is not None:
        notices.append(_of_team(team_id, Standing(used, balance, monthly), month))
    if own_used is not None:
        notices.append(_of_person(team_id, own_used, own_cap, month))
    return Purse(balance, tuple(notice for notice in notices if notice.level))


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
