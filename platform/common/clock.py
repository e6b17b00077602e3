"""Two clocks: the database's for what is shared, the machine's monotonic one for what is this process's own.

Lease times must come from one clock, or two workers whose clocks differ could both hold a valid lease.
"""

from datetime import UTC, datetime

from django.db.models import Func
from django.db.models.fields import DateTimeField


class DatabaseNow(Func):
    """`clock_timestamp()`: the database's wall clock now, not the start of the transaction."""

    function = "clock_timestamp"
    arity = 0
    output_field = DateTimeField()


def unix_seconds(moment: datetime | None) -> int | None:
    """Whole seconds since 1970 for API bodies."""
    return None if moment is None else int(moment.timestamp())


def format_iso(moment: datetime | None) -> str | None:
    """Format a moment as ISO 8601 in UTC, as the compatibility layers send it."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
