"""The dashboard: queues, workers, credits and failures."""

import json
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from jobs.states import State
from portal.admin import statistics
from portal.admin.columns import time_ago
from portal.admin.worker_states import STATE_COLORS, describe_models

DAY_RANGES = {
    1: gettext_lazy("Today"),
    7: gettext_lazy("7 days"),
    30: gettext_lazy("30 days"),
    90: gettext_lazy("90 days"),
}
_DEFAULT_DAYS = 7


def dashboard_context(days_param: str, administrator: User) -> dict[str, Any]:
    """Return the context of the page. `days_param`: the range in days, as in the URL.

    Teams and credits are shown to administrators who may see their lists.
    """
    sees_teams, sees_credits = (
        administrator.has_perm(name) for name in ("accounts.view_team", "quota.view_ledgerentry")
    )
    days = int(days_param) if days_param in map(str, DAY_RANGES) else _DEFAULT_DAYS
    pools, by_day = statistics.pool_totals(), statistics.daily_totals(days)
    unsuccessful = statistics.unsuccessful_jobs(days)
    return {
        "ranges": [(number, label, number == days) for number, label in DAY_RANGES.items()],
        "states": _state_counts(pools, by_day, unsuccessful),
        "pools": [(pool, time_ago(pool.oldest_queued_at)) for pool in pools],
        "workers": [
            (
                worker,
                worker.get_state_display(),
                STATE_COLORS[worker.state],
                _vram_usage(worker),
                describe_models(worker),
            )
            for worker in statistics.list_workers()
        ],
        "sees_teams": sees_teams,
        "sees_credits": sees_credits,
        "granted": sum(day.granted for day in by_day),
        "spent": sum(day.credits for day in by_day),
        "credits_chart": _chart_context(by_day, {"granted": _("Granted"), "credits": _("Spent")}),
        "videos_chart": _chart_context(by_day, {"videos": _("Submitted"), "completed": _("Completed")}),
        "failures": _with_bar_percent(
            [row for row in unsuccessful if row["state"] == State.FAILED][: statistics.MAX_ERROR_CODES], "jobs"
        ),
        "top_teams": _with_bar_percent(statistics.top_teams(days), "spent") if sees_teams and sees_credits else [],
    }


def _state_counts(
    pools: list[statistics.PoolTotals], by_day: list[statistics.DailyTotals], unsuccessful: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the number of videos by state: unfinished ones now, finished ones within the range."""
    count = {State.QUEUED: sum(pool.queued for pool in pools), State.IN_PROGRESS: sum(pool.running for pool in pools)}
    count[State.COMPLETED] = sum(day.completed for day in by_day)
    for state in (State.FAILED, State.CANCELED, State.EXPIRED):
        count[state] = sum(row["jobs"] for row in unsuccessful if row["state"] == state)
    return [{"value": state.value, "label": state.label, "count": number} for state, number in count.items()]


def _chart_context(by_day: list[statistics.DailyTotals], lines: dict[str, str]) -> dict[str, Any]:
    """Return the data for Chart.js in the form that Unfold expects, and the same numbers for a table."""
    colors = ("var(--color-base-400)", "var(--color-primary-600)")
    names = [f"{day.date:%m-%d}" for day in by_day]
    datasets = [
        {
            "label": label,
            "data": [getattr(day, name) for day in by_day],
            "backgroundColor": color,
            "displayYAxis": True,
            "grouped": True,
            "maxBarThickness": 14,
            "borderRadius": 3,
            "maxTicksXLimit": 8,
        }
        for (name, label), color in zip(lines.items(), colors, strict=True)
    ]
    rows = [(name, *(getattr(day, line) for line in lines)) for name, day in zip(names, by_day, strict=True)]
    return {"data": json.dumps({"labels": names, "datasets": datasets}), "headings": list(lines.values()), "rows": rows}


def _with_bar_percent(rows: list[dict[str, Any]], key: str) -> list[tuple[dict[str, Any], int]]:
    """Return each row with its percentage of the largest, for its bar."""
    largest = max((row[key] for row in rows), default=0) or 1
    return [(row, max(1, round(100 * row[key] / largest))) for row in rows]


def _vram_usage(worker: Any) -> dict[str, Any] | None:
    if not worker.vram_total_mb:
        return None
    used = worker.vram_total_mb - worker.vram_free_mb
    text = f"{used / 1024:.1f} / {worker.vram_total_mb / 1024:.1f} GB"
    return {"percent": round(100 * used / worker.vram_total_mb), "text": text}
