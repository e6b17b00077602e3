"""Formats durations, sizes, times and prices for people."""

from __future__ import annotations

from datetime import datetime


def duration(seconds: float | None) -> str:
    """Formats an approximate duration: `40 s`, `3 min`, `2 h 5 min`."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 48 * 60 else f"{round(minutes / 60 / 24)} days"


def size(count: float) -> str:
    """Formats a number of bytes: `14 kB`, `2.5 MB`, `1.2 TB`."""
    for unit, decimals in (("bytes", 0), ("kB", 0), ("MB", 1), ("GB", 1)):
        if count < 1000:
            return f"{count:.{decimals}f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def local_time(when: datetime | None) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M") if when else ""


def status_text(name: str) -> str:
    return name.replace("_", " ")


def price(count: int) -> str:
    return f"{count} credit" if count == 1 else f"{count} credits"
