"""Reads of a team's usage by day, person, key or model, and the names that belong to the ids."""

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
    """Sums of usage. `credits` are those reserved or charged."""

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


_SUMS = {f"sum_{name}": Sum(name) for name in ("credits", "videos", "completed", "gpu_seconds")}


def usage_between(*, team: Team, first: date, last: date) -> QuerySet[UsageDay]:
    """Return a team's usage from `first` to `last`, both included."""
    return UsageDay.objects.for_team(team).filter(day__gte=first, day__lte=last)


def visible_to(principal: Principal, rows: QuerySet[UsageDay]) -> QuerySet[UsageDay]:
    """Return the rows that the principal may see by person and key: everybody's, or only their own."""
    return rows if principal.may(Right.SEE_TEAM_USAGE) else rows.filter(user=principal.user)


def usage_by(rows: QuerySet[UsageDay], column: str) -> dict[Any, UsageTotals]:
    """Return the sums by value of a column: `day` in chronological order, else the largest sum of credits first."""
    order = ["day"] if column == "day" else ["-sum_credits", "-sum_videos", column]
    sums_by_value = rows.order_by().values_list(column).annotate(**_SUMS).order_by(*order)
    return {value: UsageTotals(*sums) for value, *sums in sums_by_value}


def usage_by_day(rows: QuerySet[UsageDay], *, first: date, last: date) -> dict[date, UsageTotals]:
    """Return the sums of every day, including days without usage."""
    used = usage_by(rows, "day")
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: used.get(day, UsageTotals()) for day in days}


def sum_totals(parts: Iterable[UsageTotals]) -> UsageTotals:
    return sum(parts, UsageTotals())


def users_by_id(ids: set[int | None]) -> dict[int, User]:
    """Return users by id; deleted accounts are missing."""
    return User.objects.in_bulk([identifier for identifier in ids if identifier is not None])


def api_keys_by_id(team: Team, ids: set[int | None]) -> dict[int, ApiKey]:
    """Return API keys by id, including revoked and expired ones; keys deleted with their creator are missing."""
    return ApiKey.objects.for_team(team).in_bulk([identifier for identifier in ids if identifier is not None])


def email_of(user: User | None) -> str:
    """Return the email address; empty for a closed account, whose row has none."""
    return "" if user is None or user.email.endswith("@invalid") else user.email


def name_of_user(user: User | None) -> str:
    email = email_of(user)
    return (user.name or email) if user and email else _("Deleted account")


def name_of_key(identifier: int | None, key: ApiKey | None) -> str:
    if identifier is None:
        return _("In the browser")
    return _("Deleted key") if key is None else key.name
