"""The values that a number of a request can have."""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from inference.models.table import Table


class IntegerRange(Table):
    """Every `step`-th whole number from `minimum` to `maximum`, and the one of a request without the field."""

    minimum: Annotated[int, Field(ge=1)]
    maximum: int
    default: int
    step: int = 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.step < 1:
            raise ValueError("step must be at least 1")
        if self.minimum > self.maximum:
            raise ValueError("minimum must not be greater than maximum")
        if self.default not in self:
            raise ValueError(f"default must be one of {self}")
        if self.maximum not in self:
            raise ValueError(f"maximum must be minimum plus a multiple of step, such as {self.nearest(self.maximum)}")
        return self

    def __contains__(self, value: int) -> bool:
        return self.minimum <= value <= self.maximum and (value - self.minimum) % self.step == 0

    def __str__(self) -> str:
        if self.step == 1:
            return f"{self.minimum}..{self.maximum}"
        return f"{self.minimum}, {self.minimum + self.step}, … {self.maximum}"

    def neighbors(self, value: int) -> tuple[int, ...]:
        """Return the nearest allowed values, below and above; one of them if there is no other."""
        if value <= self.minimum:
            return (self.minimum,)
        if value >= self.maximum:
            return (self.maximum,)
        below = value - (value - self.minimum) % self.step
        return (below,) if below == value else (below, below + self.step)

    def nearest(self, value: float) -> int:
        """Return the allowed value that is nearest to a number; of two that are as near, the lower one."""
        steps = math.ceil((value - self.minimum) / self.step - 0.5)
        return self.minimum + self.step * max(0, min(steps, (self.maximum - self.minimum) // self.step))

    def up_to(self, maximum: int | None) -> "IntegerRange":
        """Return the part of the range that a lower maximum leaves; at least its minimum."""
        if maximum is None or maximum >= self.maximum:
            return self
        capped = max(self.minimum, maximum - (maximum - self.minimum) % self.step)
        return IntegerRange(minimum=self.minimum, maximum=capped, default=min(self.default, capped), step=self.step)


class FloatRange(Table):
    """Every number from `minimum` to `maximum`, and the one of a request without the field."""

    minimum: Annotated[float, Field(ge=0)]
    maximum: float
    default: float

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.minimum <= self.default <= self.maximum:
            raise ValueError("minimum, default and maximum must be in ascending order")
        return self

    def __contains__(self, value: float) -> bool:
        return self.minimum <= value <= self.maximum

    def __str__(self) -> str:
        return f"{self.minimum:g}..{self.maximum:g}"

    def neighbors(self, value: float) -> tuple[float, ...]:
        """Return the nearest allowed value."""
        return (min(max(value, self.minimum), self.maximum),)
