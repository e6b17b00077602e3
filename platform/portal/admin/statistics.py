"""The dashboard's figures: one query each, by an index that leaves finished videos aside, so quick with a million."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.quota.models import LedgerEntry, UsageDay
from jobs.models import Job, Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS
from jobs.states import State

MAX_TEAMS = 10
MAX_ERROR_CODES = 10


@dataclass(frozen=True)
class DailyTotals:
    """credits: what was spent, by the day of submit. granted: by the month and by administrators."""

    date: datetime.date
    credits: int = 0
    videos: int = 0
    completed: int = 0
    granted: int = 0


@dataclass(frozen=True)
class PoolTotals:
    """oldest: since when the one that waits longest does."""

    name: str
    waiting: int
    running: int
    oldest_queued_at: datetime.datetime | None


def pool_totals() -> list[PoolTotals]:
    """Every pool that has work or a worker. Two queries: a partial index serves one state."""
    waiting = {
        row["pool"]: row
        for row in Job.objects.filter(state=State.QUEUED)
        .values("pool")
        .order_by()
        .annotate(jobs=Count("id"), oldest_queued_at=Min("queued_at"))
    }
    running = dict(
        Job.objects.filter(state=State.IN_PROGRESS)
        .order_by()
        .values_list("pool")
        .annotate(jobs=Count("id"))
        .values_list("pool", "jobs")
    )
    return [
        PoolTotals(
            name,
            waiting.get(name, {}).get("jobs", 0),
            running.get(name, 0),
            waiting.get(name, {}).get("oldest_queued_at"),
        )
        for name in sorted({*waiting, *running})
    ]


def list_workers() -> list[Worker]:
    """Each with `is_alive`: whether it beat lately."""
    rows = list(Worker.objects.order_by("pool", "name")[:100])
    silent_since = timezone.now() - datetime.timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    for row in rows:
        row.is_alive = row.last_heartbeat_at >= silent_since  # type: ignore[attr-defined]
    return rows


def daily_totals(days: int) -> list[DailyTotals]:
    """The last days up to today, UTC, those without use too."""
    today = timezone.now().date()
    first = today - datetime.timedelta(days=days - 1)
    used = {
        row["day"]: row
        for row in UsageDay.objects.filter(day__gte=first)
        .values("day")
        .order_by()
        .annotate(c=Sum("credits"), v=Sum("videos"), d=Sum("completed"))
    }
    given = dict(
        LedgerEntry.objects.filter(kind="grant", created_at__gte=_start_of_day(first))
        .order_by()
        .values_list(TruncDate("created_at"))
        .annotate(credits=Sum("balance_delta"))
    )
    dates = [first + datetime.timedelta(days=number) for number in range(days)]
    return [
        DailyTotals(date, row.get("c", 0), row.get("v", 0), row.get("d", 0), given.get(date, 0))
        for date in dates
        for row in (used.get(date, {}),)
    ]


def unsuccessful_jobs(days: int) -> list[dict[str, Any]]:
    """`state`, `error_code`, `jobs`, `last`: what failed, was canceled or expired, most of it first."""
    first = timezone.now().date() - datetime.timedelta(days=days - 1)
    return list(
        Job.objects.filter(state__in=("failed", "canceled", "expired"), finished_at__gte=_start_of_day(first))
        .values("state", "error_code")
        .annotate(jobs=Count("pk"), last=Max("finished_at"))
        .order_by("-jobs", "error_code")
    )


def top_teams(days: int) -> list[dict[str, Any]]:
    """`team`, `team__name`, `credits`, `videos`: who spent most."""
    first = timezone.now().date() - datetime.timedelta(days=days - 1)
    return list(
        UsageDay.objects.filter(day__gte=first)
        .values("team", "team__name")
        .annotate(spent=Sum("credits"), made=Sum("videos"))
        .filter(~Q(spent=0) | ~Q(made=0))
        .order_by("-spent", "team")[:MAX_TEAMS]
    )


def _start_of_day(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.min, datetime.UTC)
