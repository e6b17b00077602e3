"""Whole addresses in answers and in webhooks, which answer no request."""

from datetime import UTC, datetime

from rest_framework.request import Request

# The request that is answered, or the site's address where none is.
Origin = Request | str


def absolute_url(origin: Origin, path: str) -> str:
    return f"{origin.rstrip('/')}{path}" if isinstance(origin, str) else origin.build_absolute_uri(path)


def format_iso(moment: datetime | None) -> str | None:
    """As both services write moments."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
