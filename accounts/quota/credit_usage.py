"""How much of the month's credits teams have used."""

from dataclasses import dataclass
from datetime import date

from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from accounts.quota.models import UsageDay, Wallet
from accounts.quota.months import month_after

# Percentages of the month's credits at which people are warned.
WARNING_LEVELS_PERCENT = (80, 100)
# Credits per month: the team's override, else its plan.
MONTHLY_CREDITS = Coalesce(F("team__plan_override__monthly_credits"), F("plan__monthly_credits"))


@dataclass(frozen=True)
class CreditUsage:
    """`used` in the month, including what is reserved for unfinished videos; `balance` is left to spend."""

    used: int
    balance: int
    monthly: int | None

    @property
    def percent(self) -> int:
        """Percentage of the monthly credits used.

        For plans without monthly credits: of used plus remaining balance.
        """
        return percent(self.used, self.total)

    @property
    def total(self) -> int:
        return self.monthly or self.used + self.balance

    def resets_on(self, month: date) -> date | None:
        """Return the day of the next monthly grant; None if the plan has no monthly credits."""
        return month_after(month) if self.monthly else None


def percent(used: int, total: int) -> int:
    """Return the percentage as a whole number, rounded down: 100 only if all is used."""
    return 100 * used // total if total else 0


def warning_level(used_percent: int) -> int:
    """Return the highest warning level that this percentage has reached; 0 below all levels."""
    return max((level for level in WARNING_LEVELS_PERCENT if used_percent >= level), default=0)


def credit_usage_by_team(month: date, *, team_ids: list[int] | None = None) -> dict[int, CreditUsage]:
    """Return the usage by team id, for teams that used credits in the month and are not deleted.

    team_ids: only these teams.
    """
    rows = UsageDay.objects.filter(day__gte=month, day__lt=month_after(month), team__deleted_at=None)
    if team_ids is not None:
        rows = rows.filter(team__in=team_ids)
    used = dict(rows.values_list("team_id").annotate(Sum("credits")))
    wallets = Wallet.objects.filter(pk__in=used).annotate(monthly=MONTHLY_CREDITS)
    rows_of_wallets = wallets.values_list("pk", "balance", "monthly")
    return {team_id: CreditUsage(used[team_id], balance, monthly) for team_id, balance, monthly in rows_of_wallets}
