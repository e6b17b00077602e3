"""The database's clock, for times that processes share, and formats of times.

Lease times must come from one clock, or two workers whose clocks differ could both hold a valid lease. Times within one
process come from `time.monotonic()`.
"""

from datetime import UTC, datetime
from typing import overload

from django.db.models import Func
from django.db.models.fields import DateTimeField


class DatabaseNow(Func):
    """`clock_timestamp()`: the current time of the database's clock, not the start of the transaction."""

    function = "clock_timestamp"
    arity = 0
    output_field = DateTimeField()


@overload
def unix_seconds(moment: datetime) -> int: ...


@overload
def unix_seconds(moment: None) -> None: ...


@overload
def unix_seconds(moment: datetime | None) -> int | None: ...


def unix_seconds(moment: datetime | None) -> int | None:
    """Return whole seconds since 1970, as API bodies have them."""
    return None if moment is None else int(moment.timestamp())


def format_iso(moment: datetime | None) -> str | None:
    """Return the moment in ISO 8601 and UTC, as the compatibility layers send it."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
