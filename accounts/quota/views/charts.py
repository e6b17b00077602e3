"""Geometry of the charts on the usage page, as SVG lengths: horizontally in percent, vertically in pixels."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from accounts.quota.selectors import UsageTotals

HEIGHT_PIXELS = 160
_MIN_HEIGHT = 2  # pixels, of a day with any usage


@dataclass(frozen=True)
class Column:
    """One day. Its slot has the full height, so that the tooltip of a low column is easy to reach."""

    day: date
    used: UsageTotals
    slot_x: str
    slot_width: str
    x: str
    width: str
    y: int
    height: int


@dataclass(frozen=True)
class DayChart:
    columns: list[Column]
    axis_max: int

    @property
    def axis_middle(self) -> int:
        return self.axis_max // 2


def day_chart(days: dict[date, UsageTotals]) -> DayChart:
    """Return the chart of credits by day, on a scale that ends at a round number."""
    axis_max = _round_up(max((used.credits for used in days.values()), default=0))
    slot = 100 / max(1, len(days))
    columns = []
    for number, (day, used) in enumerate(days.items()):
        height = round(HEIGHT_PIXELS * used.credits / axis_max)
        if used.credits > 0:
            height = max(_MIN_HEIGHT, height)
        columns.append(
            Column(
                day=day,
                used=used,
                slot_x=f"{number * slot:.3f}%",
                slot_width=f"{slot:.3f}%",
                x=f"{(number + 0.15) * slot:.3f}%",
                width=f"{0.7 * slot:.3f}%",
                y=HEIGHT_PIXELS - height,
                height=height,
            )
        )
    return DayChart(columns, axis_max)


def _round_up(maximum: int) -> int:
    """Return the next of 2, 4, 6, 8, 10, 20, 30 …, whose halves are whole numbers, too."""
    scale = 1
    while maximum > 10 * scale:
        scale *= 10
    steps = (2, 4, 6, 8, 10) if scale == 1 else (2, 3, 4, 5, 6, 8, 10)
    return next(step * scale for step in steps if step * scale >= maximum)


@dataclass(frozen=True)
class Bar:
    """One person, key or model. `note` adds its state or email address."""

    name: str
    note: str
    used: UsageTotals
    length: str


def bars(labeled_totals: Iterable[tuple[str, str, UsageTotals]]) -> list[Bar]:
    """Return a bar for each (name, note, totals), in the given order."""
    rows = list(labeled_totals)
    maximum = max((used.credits for _name, _note, used in rows), default=0) or 1
    return [Bar(name, note, used, f"{100 * max(0, used.credits) / maximum:.1f}%") for name, note, used in rows]
