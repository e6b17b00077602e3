"""CSV export of a month: one line for each day, person, key and model."""

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from django.db.models import BigIntegerField, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.principals import Principal
from accounts.models import ApiKey, User
from accounts.quota import selectors
from accounts.quota.models import UsageDay
from accounts.quota.months import last_day
from accounts.quota.views.usage import chosen_month, months_of
from accounts.roles import Scope
from common.streaming import StreamedResponse

_COLUMNS = ("day", "member", "email", "key", "key_prefix", "model", "credits", "videos", "completed", "gpu_seconds")
# Spreadsheets interpret a cell that begins with one of these as a formula. The last four are the full-width forms.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Lets Excel recognize UTF-8.
_BYTE_ORDER_MARK = "\ufeff"
_PAGE_SIZE = 1000
# PostgreSQL sorts rows without a person or key after all others.
_AFTER_ALL_IDS = 2**63 - 1


@impersonation(Access.NONE)
@require_safe
@team_member_required(Scope.USAGE_READ)
def usage_csv(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Send the month as CSV: all lines for members who may see the team's usage, else only their own."""
    month = chosen_month(request, months_of(principal.team))
    rows = selectors.usage_between(team=principal.team, first=month, last=last_day(month))
    chunks = _chunks(principal, selectors.visible_to(principal, rows))
    filename = f"mutoscope-usage-{month:%Y-%m}.csv"
    return StreamedResponse(
        request,
        chunks,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": str(content_disposition_header(True, filename))},
    )


def _chunks(principal: Principal, rows: QuerySet[UsageDay]) -> Generator[bytes]:
    """Yield a chunk for each page of rows."""
    text = _BYTE_ORDER_MARK + _as_csv([_COLUMNS])
    for page in _pages(rows):
        people = selectors.users_by_id({row.user_id for row in page})
        keys = selectors.api_keys_by_id(principal.team, {row.api_key_id for row in page})
        yield (text + _as_csv(_cells(row, people, keys) for row in page)).encode()
        text = ""
    if text:
        yield text.encode()


def _pages(rows: QuerySet[UsageDay]) -> Iterator[Sequence[UsageDay]]:
    """Yield keyset pages of the rows, day by day: no cursor stays open while a slow client reads."""
    rows = rows.annotate(
        person_order=Coalesce("user", Value(_AFTER_ALL_IDS), output_field=BigIntegerField()),
        key_order=Coalesce("api_key", Value(_AFTER_ALL_IDS), output_field=BigIntegerField()),
    )
    for day in rows.order_by("day").values_list("day", flat=True).distinct():
        rows_of_day = rows.filter(day=day).order_by("model", "person_order", "key_order")
        page = list(rows_of_day[:_PAGE_SIZE])
        while page:
            yield page
            page = list(rows_of_day.filter(_follows(page[-1]))[:_PAGE_SIZE]) if len(page) == _PAGE_SIZE else []


def _follows(row: UsageDay) -> Q:
    """Return the condition of the rows after this one, of the same day."""
    person, key = row.user_id or _AFTER_ALL_IDS, row.api_key_id or _AFTER_ALL_IDS
    return (
        Q(model__gt=row.model)
        | Q(model=row.model, person_order__gt=person)
        | Q(model=row.model, person_order=person, key_order__gt=key)
    )


def _cells(row: UsageDay, people: dict[int, User], keys: dict[int, ApiKey]) -> list[Any]:
    user = people.get(row.user_id or 0)
    key = keys.get(row.api_key_id or 0)
    return [
        row.day,
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
