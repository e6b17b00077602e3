"""Statistics of the dashboard: one query each, through indexes that keep them fast with a million finished videos."""

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
    """Totals of one day. `credits` are spent credits by day of submission; `granted` are monthly and manual grants."""

    date: datetime.date
    credits: int = 0
    videos: int = 0
    completed: int = 0
    granted: int = 0


@dataclass(frozen=True)
class PoolTotals:
    """Totals of a pool. `oldest_queued_at`: since when the longest-queued video has been waiting."""

    name: str
    queued: int
    running: int
    oldest_queued_at: datetime.datetime | None


def pool_totals() -> list[PoolTotals]:
    """Return every pool that has queued or running videos. Two queries: each partial index covers one state."""
    queued = {
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
            queued.get(name, {}).get("jobs", 0),
            running.get(name, 0),
            queued.get(name, {}).get("oldest_queued_at"),
        )
        for name in sorted({*queued, *running})
    ]


def list_workers() -> list[Worker]:
    """Return the workers, each with `is_alive`: whether its last heartbeat is recent."""
    rows = list(Worker.objects.order_by("pool", "name")[:100])
    oldest_alive = timezone.now() - datetime.timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    for row in rows:
        row.is_alive = row.last_heartbeat_at >= oldest_alive  # type: ignore[attr-defined]
    return rows


def daily_totals(days: int) -> list[DailyTotals]:
    """Return the last days up to today (UTC), including days without usage."""
    today = timezone.now().date()
    first = today - datetime.timedelta(days=days - 1)
    usage = {
        row["day"]: row
        for row in UsageDay.objects.filter(day__gte=first)
        .values("day")
        .order_by()
        .annotate(credits_sum=Sum("credits"), videos_sum=Sum("videos"), completed_sum=Sum("completed"))
    }
    granted = dict(
        LedgerEntry.objects.filter(kind="grant", created_at__gte=_start_of_day(first))
        .order_by()
        .values_list(TruncDate("created_at"))
        .annotate(credits=Sum("balance_delta"))
    )
    dates = [first + datetime.timedelta(days=number) for number in range(days)]
    return [
        DailyTotals(
            date=date,
            credits=row.get("credits_sum", 0),
            videos=row.get("videos_sum", 0),
            completed=row.get("completed_sum", 0),
            granted=granted.get(date, 0),
        )
        for date in dates
        for row in (usage.get(date, {}),)
    ]


def unsuccessful_jobs(days: int) -> list[dict[str, Any]]:
    """Return failed, canceled and expired jobs as `state`, `error_code`, `jobs` and `last`, the most frequent first."""
    first = timezone.now().date() - datetime.timedelta(days=days - 1)
    return list(
        Job.objects.filter(state__in=("failed", "canceled", "expired"), finished_at__gte=_start_of_day(first))
        .values("state", "error_code")
        .annotate(jobs=Count("pk"), last=Max("finished_at"))
        .order_by("-jobs", "error_code")
    )


def top_teams(days: int) -> list[dict[str, Any]]:
    """Return the teams that spent most, as `team`, `team__name`, `spent` and `submitted`."""
    first = timezone.now().date() - datetime.timedelta(days=days - 1)
    return list(
        UsageDay.objects.filter(day__gte=first)
        .values("team", "team__name")
        .annotate(spent=Sum("credits"), submitted=Sum("videos"))
        .filter(~Q(spent=0) | ~Q(submitted=0))
        .order_by("-spent", "team")[:MAX_TEAMS]
    )


def _start_of_day(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.min, datetime.UTC)
