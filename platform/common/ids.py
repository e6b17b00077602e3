"""Identifiers: UUIDv7 in the database (sorted by time), a prefix and 32 hex digits in public."""

import re
import uuid
from typing import TypeVar

import uuid_utils
from django.db.models import Model, QuerySet

from common.errors import NotFound

Row = TypeVar("Row", bound=Model)
# `UUID` would take digits of other scripts, and underscores: many names for one row.
HEX = "[0-9a-f]{32}"
_MAX_QUOTED_LENGTH = 80
# What people call what a prefix stands for, where that is another word.
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
    """A fresh UUIDv7 as the standard library's type."""
    return uuid.UUID(int=uuid_utils.uuid7().int)


def first_id_at(unix_seconds: int) -> uuid.UUID:
    """The least UUIDv7 of a moment: ids are ordered by time, so a filter by time can use the index of the ids."""
    return uuid.UUID(int=(unix_seconds * 1000) << 80)


def public_id(prefix: str, identifier: uuid.UUID) -> str:
    """`vid` and a UUID give `vid_0197…`."""
    return f"{prefix}_{identifier.hex}"


def not_found(prefix: str, text: str) -> NotFound:
    """The one answer to what is not there, not the team's, or no id at all."""
    return NotFound(
        "No %(resource)s with the id %(id)s.",
        {"resource": _RESOURCE_NAMES.get(prefix, prefix), "id": repr(text[:_MAX_QUOTED_LENGTH])},
    )


def parse_public_id(prefix: str, text: str) -> uuid.UUID:
    """The UUID behind `vid_0197…`. Raises NotFound for any other text, so that a wrong id looks like an absent one."""
    head, _, digits = text.partition("_")
    if head != prefix or not re.fullmatch(HEX, digits):
        raise not_found(prefix, text)
    return uuid.UUID(hex=digits)


def find_by_public_id(rows: QuerySet[Row], prefix: str, identifier: str) -> Row:
    """The row of `rows`, which are the caller's own. Raises NotFound."""
    row = rows.filter(pk=parse_public_id(prefix, identifier)).first()
    if row is None:
        raise not_found(prefix, identifier)
    return row
