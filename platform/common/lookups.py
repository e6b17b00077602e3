"""Rows by their public ids: what is not among the rows is as absent as what never was, in the same words."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from common.ids import not_found, parse_public_id

Row = TypeVar("Row", bound=Model)


def find_by_public_id(rows: QuerySet[Row], prefix: str, identifier: str) -> Row:
    """The row of `rows`, which are the caller's own. Raises NotFound."""
    row = rows.filter(pk=parse_public_id(prefix, identifier)).first()
    if row is None:
        raise not_found(prefix, identifier)
    return row
