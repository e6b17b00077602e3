"""Keyset pagination: a page starts after the last id of the previous one, so new rows never shift later pages.

The lists of the API (`jobs.api.pagination.ListView`) and of the pages all use `KeysetPaginator`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

from common.ids import parse_public_id

Row = TypeVar("Row", bound=Model)

_MAX_INTEGER_ID = 2**63 - 1


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of one page, and whether more follow."""

    rows: Sequence[Row]
    has_more: bool

    @property
    def next_after(self) -> str:
        """The id after which the next page starts, as clients see it; "" if there is none."""
        if not self.has_more:
            return ""
        last = self.rows[-1]
        return str(getattr(last, "public_id", last.pk))


# Returns the page of at most `limit` rows after a primary key, or the first page.
FindPage = Callable[[Any, int], Page[Row]]


class KeysetPaginator(Generic[Row]):
    """Splits a list into pages, as Django's Paginator does, but by id instead of by number.

    rows: a QuerySet whose primary keys are ordered by time, or the function of a search.
    prefix: that of the public ids, such as `vid`; "" for integers, of which an invalid one means the first page.
    """

    def __init__(
        self, rows: QuerySet[Row] | FindPage[Row], per_page: int, *, prefix: str, newest_first: bool = True
    ) -> None:
        self._rows, self._per_page, self._prefix, self._newest_first = rows, per_page, prefix, newest_first

    def get_page(self, after: str | None = None) -> Page[Row]:
        """Return the page after the row with this id, else the first one. Raise NotFound for a malformed id."""
        key = self._parse_id(after) if after else None
        if isinstance(self._rows, QuerySet):
            return keyset_page(self._rows, after=key, limit=self._per_page, newest_first=self._newest_first)
        return self._rows(key, self._per_page)

    def _parse_id(self, text: str) -> object | None:
        return parse_public_id(self._prefix, text) if self._prefix else parse_integer_id(text)


def parse_integer_id(text: str) -> int | None:
    """Return the id of a row; None if the text is not a valid id."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    return number if 0 < number <= _MAX_INTEGER_ID else None


def keyset_page(
    rows: QuerySet[Row], *, after: object | None = None, limit: int, newest_first: bool = True
) -> Page[Row]:
    """Return the page of at most `limit` rows after the primary key `after`. Keys must be ordered by time."""
    if after is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": after})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: limit + 1])
    return Page(found[:limit], len(found) > limit)
