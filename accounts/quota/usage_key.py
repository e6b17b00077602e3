"""Whose use is counted where: by day, person, key and model, in the statements that move the credits."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class UsageKey:
    """Whose job it is, of which model, and the day (UTC) of its submit: where it is counted, whenever it ends."""

    team_id: int
    user_id: int | None
    api_key_id: int | None
    model: str
    day: datetime.date
