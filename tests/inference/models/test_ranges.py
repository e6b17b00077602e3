"""The ranges of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from inference.models.ranges import FloatRange, IntegerRange

GRID = IntegerRange(minimum=5, maximum=121, default=121, step=4)


@st.composite
def integer_ranges(draw: st.DrawFn) -> IntegerRange:
    minimum, step, count = draw(st.integers(1, 50)), draw(st.integers(1, 9)), draw(st.integers(0, 40))
    default = minimum + step * draw(st.integers(0, count))
    return IntegerRange(minimum=minimum, maximum=minimum + step * count, default=default, step=step)


def test_a_grid_contains_every_step() -> None:
    assert [value for value in range(-1, 30) if value in GRID] == [5, 9, 13, 17, 21, 25, 29]
    assert 121 in GRID
    assert 125 not in GRID
    assert str(GRID) == "5, 9, … 121"
    assert str(IntegerRange(minimum=1, maximum=3, default=2)) == "1..3"


@pytest.mark.parametrize(
    ("value", "neighbors"), [(0, (5,)), (5, (5,)), (6, (5, 9)), (120, (117, 121)), (121, (121,)), (500, (121,))]
)
def test_neighbors_are_the_allowed_values_on_both_sides(value: int, neighbors: tuple[int, ...]) -> None:
    assert GRID.neighbors(value) == neighbors


@given(integer_ranges(), st.floats(-200, 400))
def test_the_nearest_value_is_allowed_and_none_is_nearer(allowed: IntegerRange, value: float) -> None:
    nearest = allowed.nearest(value)
    assert nearest in allowed
    values = range(allowed.minimum, allowed.maximum + 1, allowed.step)
    assert abs(nearest - value) == pytest.approx(min(abs(each - value) for each in values))


@given(integer_ranges(), st.none() | st.integers(-100, 400))
def test_a_lower_maximum_leaves_a_part_of_the_range(allowed: IntegerRange, maximum: int | None) -> None:
    part = allowed.up_to(maximum)
    values = range(allowed.minimum, allowed.maximum + 1, allowed.step)
    left = [each for each in values if maximum is None or each <= maximum] or [allowed.minimum]
    assert [*range(part.minimum, part.maximum + 1, part.step)] == left


@pytest.mark.parametrize(
    "table",
    [
        {"minimum": 1, "maximum": 0, "default": 1},
        {"minimum": 1, "maximum": 9, "default": 10},
        {"minimum": 1, "maximum": 9, "default": 2, "step": 4},
        {"minimum": 1, "maximum": 10, "default": 1, "step": 4},
        {"minimum": 1, "maximum": 9, "default": 1, "step": 0},
        {"minimum": 1, "maximum": 9.5, "default": 1},
    ],
)
def test_ranges_that_contain_nothing_or_not_their_default_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IntegerRange.model_validate(table)


def test_a_range_of_floats() -> None:
    allowed = FloatRange(minimum=1.0, maximum=20.0, default=9.0)
    assert 20 in allowed
    assert 20.1 not in allowed
    assert allowed.neighbors(20.1) == (20.0,)
    assert str(allowed) == "1..20"
    with pytest.raises(ValidationError):
        FloatRange(minimum=1.0, maximum=2.0, default=3.0)
