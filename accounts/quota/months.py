"""Months, for grants and usage. A month is represented by the date of its first day, in UTC."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta


def month_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date().replace(day=1)


def month_after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def last_day(month: date) -> date:
    return month_after(month) - timedelta(days=1)


def months_between(after: date, last: date) -> Iterator[date]:
    """Yield the months later than `after`, up to and including `last`."""
    while after < last:
        after = month_after(after)
        yield after
