"""The key under which usage is counted, in the statements that move the credits."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class UsageKey:
    """Team, person, key and model of a job, and the day (UTC) of its submission, on which it is counted."""

    team_id: int
    user_id: int | None
    api_key_id: int | None
    model: str
    day: datetime.date
