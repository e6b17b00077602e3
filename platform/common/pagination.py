"""Keyset pagination: a page starts after the last id of the previous one, so new rows never shift later pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of one page, and whether more follow."""

    rows: Sequence[Row]
    has_more: bool


def keyset_page(
    rows: QuerySet[Row], *, after: object | None = None, limit: int, newest_first: bool = True
) -> Page[Row]:
    """Return the page of at most `limit` rows after the primary key `after`. Keys must be ordered by time."""
    if after is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": after})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: limit + 1])
    return Page(found[:limit], len(found) > limit)
