"""What a team used, by day, person, key or model: reads of the counts, and the names behind their ids."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from accounts.auth.principals import Principal
from accounts.models import ApiKey, Team, User
from accounts.quota.models import UsageDay
from accounts.roles import Right


@dataclass(frozen=True)
class UsageTotals:
    """Sums of counts. `credits` are those promised or charged, `completed` the videos that were made."""

    credits: int = 0
    videos: int = 0
    completed: int = 0
    gpu_seconds: float = 0.0

    def __add__(self, other: "UsageTotals") -> "UsageTotals":
        return UsageTotals(
            self.credits + other.credits,
            self.videos + other.videos,
            self.completed + other.completed,
            self.gpu_seconds + other.gpu_seconds,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "credits": self.credits,
            "videos": self.videos,
            "completed": self.completed,
            "gpu_seconds": round(self.gpu_seconds, 3),
        }


_SUMS = {f"sum_{name}": Sum(name) for name in ("credits", "videos", "completed", "gpu_seconds")}


def usage_between(*, team: Team, first: date, last: date) -> QuerySet[UsageDay]:
    """A team's counts from one day to another, both with it."""
    return UsageDay.objects.for_team(team).filter(day__gte=first, day__lte=last)


def visible_to(principal: Principal, rows: QuerySet[UsageDay]) -> QuerySet[UsageDay]:
    """Those whose people and keys the principal may see: everybody's, or the own."""
    return rows if principal.may(Right.SEE_TEAM_USAGE) else rows.filter(user=principal.user)


def usage_by(rows: QuerySet[UsageDay], column: str) -> dict[Any, UsageTotals]:
    """Sums by the values of a column: by `day` in its order, else the greatest use of credits first."""
    order = ["day"] if column == "day" else ["-sum_credits", "-sum_videos", column]
    found = rows.order_by().values_list(column).annotate(**_SUMS).order_by(*order)
    return {value: UsageTotals(*sums) for value, *sums in found}


def usage_by_day(rows: QuerySet[UsageDay], *, first: date, last: date) -> dict[date, UsageTotals]:
    """Sums of every day, also of those without any use."""
    found = usage_by(rows, "day")
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: found.get(day, UsageTotals()) for day in days}


def sum_totals(parts: Iterable[UsageTotals]) -> UsageTotals:
    return sum(parts, UsageTotals())


def users_by_id(ids: set[int | None]) -> dict[int, User]:
    """By id; an account that was deleted is missing."""
    return User.objects.in_bulk([known for known in ids if known is not None])


def api_keys_by_id(team: Team, ids: set[int | None]) -> dict[int, ApiKey]:
    """By id, revoked and expired ones too; one that went with its creator's account is missing."""
    return ApiKey.objects.for_team(team).in_bulk([known for known in ids if known is not None])


def email_of(user: User | None) -> str:
    """Empty for an account that is gone: what is left of a closed one has no address."""
    return "" if user is None or user.email.endswith("@invalid") else user.email


def name_of_user(user: User | None) -> str:
    email = email_of(user)
    return (user.name or email) if user and email else _("Deleted account")


def name_of_key(identifier: int | None, key: ApiKey | None) -> str:
    if identifier is None:
        return _("In the browser")
    return _("Deleted key") if key is None else key.name
