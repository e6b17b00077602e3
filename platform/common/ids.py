"""Identifiers: UUIDv7 in the database (sorted by time), a prefix and 32 hex digits in public."""

import re
import uuid
from typing import TypeVar

import uuid_utils
from django.db.models import Model, QuerySet

from common.errors import NotFound

Row = TypeVar("Row", bound=Model)
# `UUID` would also accept digits of other scripts and underscores: one row would have many names.
HEX = "[0-9a-f]{32}"
_MAX_QUOTED_LENGTH = 80
# What a prefix stands for, if its name differs from the prefix.
_RESOURCE_NAMES = {
    "vid": "video",
    "item": "request",
    "whk": "webhook",
    "dlv": "delivery",
    "pub": "publication",
    "col": "collection",
    "shr": "share link",
}


def new_id() -> uuid.UUID:
    """Return a new UUIDv7 as the standard library's type."""
    return uuid.UUID(int=uuid_utils.uuid7().int)


def first_id_at(unix_seconds: int) -> uuid.UUID:
    """Return the smallest UUIDv7 of a second: ids are ordered by time, so a filter by time can use their index."""
    return uuid.UUID(int=(unix_seconds * 1000) << 80)


def public_id(prefix: str, identifier: uuid.UUID) -> str:
    """Return the public form, such as `vid_0197…` for the prefix `vid`."""
    return f"{prefix}_{identifier.hex}"


def not_found(prefix: str, text: str, *, param: str | None = None) -> NotFound:
    """Return the one error for a row that does not exist, belongs to another team, or has an invalid id."""
    return NotFound(
        "No %(resource)s with the id %(id)s.",
        {"resource": _RESOURCE_NAMES.get(prefix, prefix), "id": repr(text[:_MAX_QUOTED_LENGTH])},
        param=param,
    )


def parse_public_id(prefix: str, text: str, *, param: str | None = None) -> uuid.UUID:
    """Return the UUID of `vid_0197…`. Any other text raises NotFound, as an unknown id does."""
    head, _, digits = text.partition("_")
    if head != prefix or not re.fullmatch(HEX, digits):
        raise not_found(prefix, text, param=param)
    return uuid.UUID(hex=digits)


def find_by_public_id(rows: QuerySet[Row], prefix: str, identifier: str, *, param: str | None = None) -> Row:
    """Return the row with this public id. Raises NotFound.

    rows: limited to those that the caller may see. param: the field of a body that contains the id.
    """
    row = rows.filter(pk=parse_public_id(prefix, identifier, param=param)).first()
    if row is None:
        raise not_found(prefix, identifier, param=param)
    return row
