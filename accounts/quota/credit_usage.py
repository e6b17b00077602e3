"""How far teams are through their month's credits."""

from dataclasses import dataclass
from datetime import date

from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from accounts.quota.models import UsageDay, Wallet
from accounts.quota.months import month_after

# Per cent of the month's credits at which people are warned.
WARNING_LEVELS_PERCENT = (80, 100)
# Credits a month, as the plan and the team's override say together.
MONTHLY_CREDITS = Coalesce(F("team__plan_override__monthly_credits"), F("plan__monthly_credits"))


@dataclass(frozen=True)
class CreditUsage:
    """`used` in the month, with what is promised to videos that are not done yet; `balance` is left to spend."""

    used: int
    balance: int
    monthly: int | None

    @property
    def percent(self) -> int:
        """Of the month's credits; of all that there was to use, where the plan gives none by the month."""
        return percent(self.used, self.total)

    @property
    def total(self) -> int:
        return self.monthly or self.used + self.balance

    def resets_on(self, month: date) -> date | None:
        """When new credits come, where the plan gives some by the month."""
        return month_after(month) if self.monthly else None


def percent(used: int, total: int) -> int:
    """Whole per cent, rounded down: 100 is all of it."""
    return 100 * used // total if total else 0


def warning_level(used_percent: int) -> int:
    """The highest level that so many per cent have reached; 0 below all of them."""
    return max((level for level in WARNING_LEVELS_PERCENT if used_percent >= level), default=0)


def credit_usage_by_team(month: date, *, team_ids: list[int] | None = None) -> dict[int, CreditUsage]:
    """By team id, of the open teams that used anything in the month; of some teams alone, where they are given."""
    rows = UsageDay.objects.filter(day__gte=month, day__lt=month_after(month), team__deleted_at=None)
    if team_ids is not None:
        rows = rows.filter(team__in=team_ids)
    used = dict(rows.values_list("team_id").annotate(Sum("credits")))
    wallets = Wallet.objects.filter(pk__in=used).annotate(monthly=MONTHLY_CREDITS)
    found = wallets.values_list("pk", "balance", "monthly")
    return {team_id: CreditUsage(used[team_id], balance, monthly) for team_id, balance, monthly in found}
