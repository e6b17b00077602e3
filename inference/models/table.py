"""The base of all tables of a descriptor."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of a TOML file. Unknown keys and values of other types are errors; the table cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
