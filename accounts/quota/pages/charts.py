"""Where the parts of the usage page's charts lie. Places are SVG lengths as text: per cent across, pixels down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from accounts.quota.selectors import UsageTotals

HEIGHT_PIXELS = 160
_MIN_HEIGHT = 2  # of a day with any use at all


@dataclass(frozen=True)
class Column:
    """One day. Its slot answers the pointer, so that a low column's words are as easy to find."""

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
    """Credits by day, on a scale that ends at a round number."""
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
    """2, 4, 6, 8, 10, 20, 30 …: the next number that looks round, and so does its half."""
    scale = 1
    while maximum > 10 * scale:
        scale *= 10
    steps = (2, 4, 6, 8, 10) if scale == 1 else (2, 3, 4, 5, 6, 8, 10)
    return next(step * scale for step in steps if step * scale >= maximum)


@dataclass(frozen=True)
class Bar:
    """One person, key or model. `note` says what has become of it."""

    name: str
    note: str
    used: UsageTotals
    length: str


def bars(named: Iterable[tuple[str, str, UsageTotals]]) -> list[Bar]:
    """(name, note, use), the longest first."""
    rows = list(named)
    maximum = max((used.credits for _name, _note, used in rows), default=0) or 1
    return [Bar(name, note, used, f"{100 * max(0, used.credits) / maximum:.1f}%") for name, note, used in rows]
