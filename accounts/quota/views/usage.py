"""The Usage page: a month's credits by day, person, key and model, and the grants and adjustments."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.principals import Principal
from accounts.models import ApiKey, Team, User
from accounts.quota import selectors
from accounts.quota.credit_usage import MONTHLY_CREDITS, CreditUsage
from accounts.quota.models import LedgerEntry, UsageDay, Wallet
from accounts.quota.months import last_day, month_after, month_before, month_of, months_between
from accounts.quota.selectors import UsageTotals
from accounts.quota.services import STARTING_REASON
from accounts.quota.views.charts import Bar, bars, day_chart
from accounts.roles import Right, Scope

# Further bars are summed up in one; the CSV file has all of them.
_MAX_BARS = 20
_MAX_ENTRIES = 50
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
Kind = LedgerEntry.Kind


@dataclass(frozen=True)
class Breakdown:
    """Bars of one kind, under a heading; `column_label` names their first column."""

    identifier: str
    title: str
    column_label: str
    bars: list[Bar]


@require_safe
@team_member_required(Scope.USAGE_READ)
def usage(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show one month: in full to members who may see the team's usage, else the totals and their own part."""
    months = months_of(principal.team)
    month = chosen_month(request, months)
    rows = selectors.usage_between(team=principal.team, first=month, last=last_day(month))
    days = selectors.usage_by_day(rows, first=month, last=last_day(month))
    used = selectors.sum_totals(days.values())
    sees_all = principal.may(Right.SEE_TEAM_USAGE)
    position = months.index(month)
    context: dict[str, Any] = {
        "month": month,
        "months": months,
        "older": months[position + 1] if position + 1 < len(months) else None,
        "newer": months[position - 1] if position else None,
        "is_current": position == 0,
        "used": used,
        "chart": day_chart(days),
        "breakdowns": _breakdowns(principal, rows),
        "sees_all": sees_all,
        "entries": _entries(principal.team, month) if sees_all else [],
        **(_current_month_context(principal.team, used, month) if position == 0 else {}),
    }
    return render(request, "quota/usage.html", context)


def months_of(team: Team) -> list[date]:
    """Return the months since the team was created, the current one first."""
    current = month_of(timezone.now())
    first = min(current, month_of(team.created_at))
    return list(months_between(month_before(first), current))[::-1]


def chosen_month(request: HttpRequest, months: list[date]) -> date:
    """Return the month in the URL; the current one if that is missing or not one of the team's months."""
    text = request.GET.get("month", "")
    if _MONTH.fullmatch(text):
        year, month = map(int, text.split("-"))
        if year and (chosen := date(year, month, 1)) in months:
            return chosen
    return months[0]


def _current_month_context(team: Team, used: UsageTotals, month: date) -> dict[str, Any]:
    wallet = Wallet.objects.filter(team=team).values("balance", "reserved", monthly=MONTHLY_CREDITS).get()
    credit_usage = CreditUsage(used.credits, wallet["balance"], wallet["monthly"])
    return {"credit_usage": credit_usage, "reserved": wallet["reserved"], "resets_on": credit_usage.resets_on(month)}


def _breakdowns(principal: Principal, rows: QuerySet[UsageDay]) -> list[Breakdown]:
    visible = selectors.visible_to(principal, rows)
    members, keys = selectors.usage_by(visible, "user"), selectors.usage_by(visible, "api_key")
    people = selectors.users_by_id(set(members))
    api_keys = selectors.api_keys_by_id(principal.team, set(keys))
    sees_all = principal.may(Right.SEE_TEAM_USAGE)
    return [
        Breakdown(
            "members",
            _("By member") if sees_all else _("You"),
            _("Member"),
            _collapsed_bars([(*_user_labels(people.get(user_id)), used) for user_id, used in members.items()]),
        ),
        Breakdown(
            "keys",
            _("By API key") if sees_all else _("Your API keys"),
            _("API key"),
            _collapsed_bars(
                [
                    (selectors.name_of_key(key, api_keys.get(key)), _state_of(api_keys.get(key)), used)
                    for key, used in keys.items()
                ]
            ),
        ),
        Breakdown(
            "models",
            _("By model"),
            _("Model"),
            _collapsed_bars([(model, "", used) for model, used in selectors.usage_by(rows, "model").items()]),
        ),
    ]


def _user_labels(user: User | None) -> tuple[str, str]:
    """Return name and email address; only the email address if there is no name."""
    name, email = selectors.name_of_user(user), selectors.email_of(user)
    return name, "" if email == name else email


def _state_of(key: ApiKey | None) -> str:
    return {"revoked": _("Revoked"), "expired": _("Expired")}.get(key.state, "") if key else ""


def _collapsed_bars(labeled_totals: list[tuple[str, str, UsageTotals]]) -> list[Bar]:
    if len(labeled_totals) > _MAX_BARS:
        rest = selectors.sum_totals(used for _name, _note, used in labeled_totals[_MAX_BARS:])
        others = _("%(count)s others") % {"count": len(labeled_totals) - _MAX_BARS}
        labeled_totals = [*labeled_totals[:_MAX_BARS], (others, _("all in the CSV file"), rest)]
    return bars(labeled_totals)


def _entries(team: Team, month: date) -> list[dict[str, Any]]:
    """Return the grants and adjustments of a month, newest first."""
    rows = LedgerEntry.objects.for_team(team).filter(
        kind__in=(Kind.GRANT, Kind.ADJUST),
        created_at__gte=_month_start(month),
        created_at__lt=_month_start(month_after(month)),
    )
    return [
        {
            "row": row,
            "description": _entry_description(row),
            "actor_name": selectors.name_of_user(row.actor) if row.actor else _("Automatic"),
        }
        for row in rows.select_related("actor").order_by("-created_at", "-id")[:_MAX_ENTRIES]
    ]


def _month_start(month: date) -> datetime:
    return datetime.combine(month, time(), UTC)


def _entry_description(row: LedgerEntry) -> str:
    """Return the reason; translated if it is one that the site writes."""
    if row.period:
        month = date_format(row.period, "YEAR_MONTH_FORMAT")
        text = _("Credits of %(month)s") if row.kind == Kind.GRANT else _("Unspent credits of %(month)s expired")
        return text % {"month": month}
    return _("Starting credits") if row.reason == STARTING_REASON else row.reason
