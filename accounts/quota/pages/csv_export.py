"""CSV export of a month: one line for each day, person, key and model."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.principals import Principal
from accounts.models import ApiKey, User
from accounts.quota import selectors
from accounts.quota.models import UsageDay
from accounts.quota.months import last_day
from accounts.quota.pages.usage import chosen_month, months_of
from accounts.roles import Scope

_COLUMNS = ("day", "member", "email", "key", "key_prefix", "model", "credits", "videos", "completed", "gpu_seconds")
# Spreadsheets interpret a cell that begins with one of these as a formula.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")
# Lets Excel recognize UTF-8.
_BYTE_ORDER_MARK = "\ufeff"


@impersonation(Access.NONE)
@require_safe
@team_member_required(Scope.USAGE_READ)
def usage_csv(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Send the month as CSV: all lines for members who may see the team's usage, else only their own."""
    month = chosen_month(request, months_of(principal.team))
    rows = selectors.usage_between(team=principal.team, first=month, last=last_day(month))
    lines = _lines(principal, selectors.visible_to(principal, rows))
    response = StreamingHttpResponse(_stream(request, lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="mutoscope-usage-{month:%Y-%m}.csv"'
    return response


def _stream(request: HttpRequest, lines: Iterator[str]) -> Iterator[str] | AsyncIterator[str]:
    """Return an asynchronous iterator under ASGI, where Django would consume a synchronous one completely first."""
    return _in_thread(lines) if isinstance(request, ASGIRequest) else lines


async def _in_thread(lines: Iterator[str]) -> AsyncIterator[str]:
    while (part := await sync_to_async(lambda: next(lines, None))()) is not None:
        yield part


def _lines(principal: Principal, rows: QuerySet[UsageDay]) -> Iterator[str]:
    """Yield a part for each day, so that no cursor stays open while a slow client reads."""
    yield _BYTE_ORDER_MARK + _as_csv([_COLUMNS])
    people = selectors.users_by_id(set(rows.values_list("user", flat=True).distinct()))
    keys = selectors.api_keys_by_id(principal.team, set(rows.values_list("api_key", flat=True).distinct()))
    for day in rows.order_by("day").values_list("day", flat=True).distinct():
        rows_of_day = rows.filter(day=day).order_by("model", "user", "api_key")
        yield _as_csv(_cells(day, row, people, keys) for row in rows_of_day)


def _cells(day: date, row: UsageDay, people: dict[int, User], keys: dict[int, ApiKey]) -> list[Any]:
    user = people.get(row.user_id or 0)
    key = keys.get(row.api_key_id or 0)
    return [
        day,
        escape_formula(selectors.name_of_user(user)),
        escape_formula(selectors.email_of(user)),
        escape_formula(selectors.name_of_key(row.api_key_id, key)),
        escape_formula(key.prefix if key else ""),
        escape_formula(row.model),
        row.credits,
        row.videos,
        row.completed,
        round(row.gpu_seconds, 3),
    ]


def escape_formula(text: str) -> str:
    """Return the text with a prefix that keeps spreadsheets from interpreting it as a formula."""
    return f"'{text}" if text.lstrip(" \n").startswith(_FORMULA_PREFIXES) else text


def _as_csv(rows: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
