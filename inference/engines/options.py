"""The options of an engine, which a descriptor sets. This imports no engine, so the site can check them too."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from inference.errors import OptionInvalid
from inference.weights.selection import WeightsSelection


class EngineOptions(BaseModel):
    """Base of the options of all engines. Unknown keys are errors; the options cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def weights_selection(self) -> WeightsSelection | None:
        """Return what the engine reads of a checkpoint; None if it has none."""
        return None

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Self:
        """Check the options. Raises OptionInvalid, which names the key."""
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise OptionInvalid(
                key, "The option %(key)s of the model is invalid: %(reason)s.", {"key": key, "reason": first["msg"]}
            ) from error
