"""The Usage page: a month's credits by day, person, key and model, and what came in."""

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

from accounts.models import ApiKey, Team, User
from accounts.pages import team_page
from accounts.principals import Principal
from accounts.quota import report
from accounts.quota.models import LedgerEntry, UsageDay, Wallet
from accounts.quota.months import last_day, month_after, month_before, month_of, months_between
from accounts.quota.pages.charts import Bar, bars, day_chart
from accounts.quota.report import Used
from accounts.quota.services import STARTING_REASON
from accounts.quota.standing import MONTHLY_CREDITS, Standing
from accounts.roles import Right, Scope

# More lines than this are summed up in one; the download has all of them.
_MOST_BARS = 20
_MOST_ENTRIES = 50
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
Kind = LedgerEntry.Kind


@dataclass(frozen=True)
class Breakdown:
    """Bars of one kind, under a heading; `what` names their first column."""

    identifier: str
    title: str
    what: str
    bars: list[Bar]


@require_safe
@team_page(Scope.USAGE_READ)
def usage(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """One month of the team: all of it for who may see what each member uses, else its totals and the own part."""
    months = months_of(principal.team)
    month = chosen_month(request, months)
    rows = report.usage_between(team=principal.team, first=month, last=last_day(month))
    days = report.used_by_day(rows, first=month, last=last_day(month))
    used = report.total(days.values())
    sees_all = principal.may(Right.SEE_TEAM_USAGE)
    position = months.index(month)
    context: dict[str, Any] = {
        "month": month,
        "months": months,
        "older": months[position + 1] if position + 1 < len(months) else None,
        "newer": months[position - 1] if position else None,
        "is_present": position == 0,
        "used": used,
        "chart": day_chart(days),
        "breakdowns": _breakdowns(principal, rows),
        "sees_all": sees_all,
        "entries": _entries(principal.team, month) if sees_all else [],
        **(_at_present(principal.team, used, month) if position == 0 else {}),
    }
    return render(request, "quota/usage.html", context)


def months_of(team: Team) -> list[date]:
    """The months that the team has lived in, the present one first."""
    present = month_of(timezone.now())
    first = min(present, month_of(team.created_at))
    return list(months_between(month_before(first), present))[::-1]


def chosen_month(request: HttpRequest, months: list[date]) -> date:
    """The month that the address names; the present one where it names none of the team's."""
    named = request.GET.get("month", "")
    if _MONTH.fullmatch(named):
        year, month = map(int, named.split("-"))
        if year and (found := date(year, month, 1)) in months:
            return found
    return months[0]


def _at_present(team: Team, used: Used, month: date) -> dict[str, Any]:
    wallet = Wallet.objects.filter(team=team).values("balance", "reserved", monthly=MONTHLY_CREDITS).get()
    standing = Standing(used.credits, wallet["balance"], wallet["monthly"])
    return {"standing": standing, "promised": wallet["reserved"], "resets_on": standing.resets_on(month)}


def _breakdowns(principal: Principal, rows: QuerySet[UsageDay]) -> list[Breakdown]:
    seen = report.visible_to(principal, rows)
    members, keys = report.used_by(seen, "user"), report.used_by(seen, "api_key")
    people = report.people_behind(set(members))
    known = report.keys_behind(principal.team, set(keys))
    sees_all = principal.may(Right.SEE_TEAM_USAGE)
    return [
        Breakdown(
            "members",
            _("By member") if sees_all else _("You"),
            _("Member"),
            _shortened([(*_named(people.get(who)), used) for who, used in members.items()]),
        ),
        Breakdown(
            "keys",
            _("By API key") if sees_all else _("Your API keys"),
            _("API key"),
            _shortened(
                [
                    (report.name_of_key(key, known.get(key)), _state_of(known.get(key)), used)
                    for key, used in keys.items()
                ]
            ),
        ),
        Breakdown(
            "models",
            _("By model"),
            _("Model"),
            _shortened([(model, "", used) for model, used in report.used_by(rows, "model").items()]),
        ),
    ]


def _named(user: User | None) -> tuple[str, str]:
    """Name and address, the address alone where there is no name."""
    name, email = report.name_of_person(user), report.email_of(user)
    return name, "" if email == name else email


def _state_of(key: ApiKey | None) -> str:
    return {"revoked": _("Revoked"), "expired": _("Expired")}.get(key.state, "") if key else ""


def _shortened(named: list[tuple[str, str, Used]]) -> list[Bar]:
    if len(named) > _MOST_BARS:
        rest = report.total(used for _name, _note, used in named[_MOST_BARS:])
        others = _("%(count)s others") % {"count": len(named) - _MOST_BARS}
        named = [*named[:_MOST_BARS], (others, _("all in the CSV file"), rest)]
    return bars(named)


def _entries(team: Team, month: date) -> list[dict[str, Any]]:
    """What changed the credits beside the videos, the newest first."""
    rows = LedgerEntry.objects.for_team(team).filter(
        kind__in=(Kind.GRANT, Kind.ADJUST), created_at__gte=_start(month), created_at__lt=_start(month_after(month))
    )
    return [
        {"row": row, "what": _what(row), "who": report.name_of_person(row.actor) if row.actor else _("Automatic")}
        for row in rows.select_related("actor").order_by("-created_at", "-id")[:_MOST_ENTRIES]
    ]


def _start(month: date) -> datetime:
    return datetime.combine(month, time(), UTC)


def _what(row: LedgerEntry) -> str:
    """Why, in the reader's language where it is one of our own reasons."""
    if row.period:
        month = date_format(row.period, "YEAR_MONTH_FORMAT")
        words = _("Credits of %(month)s") if row.kind == Kind.GRANT else _("Unspent credits of %(month)s ended")
        return words % {"month": month}
    return _("Starting credits") if row.reason == STARTING_REASON else row.reason
