"""Banners above a page's content when the credits of the team, or of the member, run out."""

from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from accounts.auth.principals import Principal
from accounts.quota.credit_usage import CreditUsage, percent, warning_level
from accounts.quota.models import Wallet
from accounts.quota.months import month_after, month_of
from accounts.tenancy.postgres.prepared import fetch_one


@dataclass(frozen=True)
class CreditBanner:
    """One warning. `key` changes with team, month and level: a person who dismissed one still sees the next."""

    key: str
    is_own: bool
    level: int
    percent: int
    used: int
    limit: int
    left: int
    resets_on: date | None


@dataclass(frozen=True)
class WalletSummary:
    """The balance that every page shows, and the warnings about it."""

    balance: int
    banners: tuple[CreditBanner, ...]


# Plain SQL: every page runs it, and Django takes longer to build it than Postgres to run it. Usage is summed only for a
# team that was warned this month and for a member with a cap: CASE evaluates what follows THEN only where needed.
_SUMMARY_QUERY = """
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


def wallet_summary(principal: Principal) -> WalletSummary:
    """Return balance and warnings, in one query. Raises Wallet.DoesNotExist."""
    month, team_id = month_of(timezone.now()), principal.team.pk
    parameters = {"team": team_id, "user": principal.user.pk, "month": month, "next_month": month_after(month)}
    row = fetch_one(_SUMMARY_QUERY, parameters)
    if row is None:
        raise Wallet.DoesNotExist(f"Team {team_id} has no wallet.")
    balance, monthly, own_cap, used, own_used = row
    banners = []
    if used is not None:
        banners.append(_team_banner(team_id, CreditUsage(used, balance, monthly), month))
    if own_used is not None:
        banners.append(_member_banner(team_id, own_used, own_cap, month))
    return WalletSummary(balance, tuple(banner for banner in banners if banner.level))


def _team_banner(team_id: int, credit_usage: CreditUsage, month: date) -> CreditBanner:
    level = warning_level(credit_usage.percent)
    return CreditBanner(
        key=f"{team_id}-{month:%Y-%m}-team-{level}",
        is_own=False,
        level=level,
        percent=credit_usage.percent,
        used=credit_usage.used,
        limit=credit_usage.total,
        left=credit_usage.balance,
        resets_on=credit_usage.resets_on(month),
    )


def _member_banner(team_id: int, used: int, cap: int, month: date) -> CreditBanner:
    used_percent = percent(used, cap) if cap else 100
    level = warning_level(used_percent)
    return CreditBanner(
        key=f"{team_id}-{month:%Y-%m}-own-{level}",
        is_own=True,
        level=level,
        percent=used_percent,
        used=used,
        limit=cap,
        left=max(0, cap - used),
        resets_on=month_after(month),
    )
