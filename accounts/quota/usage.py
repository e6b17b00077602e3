"""Counts what is used by day, person, key and model, in the transactions that move the credits."""

import datetime
from dataclasses import dataclass

from django.db import connection

_COUNT = """
    INSERT INTO quota_usageday AS counted
        (team_id, day, user_id, api_key_id, model, credits, videos, completed, gpu_seconds)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (team_id, day, user_id, api_key_id, model) DO UPDATE SET
        credits = counted.credits + EXCLUDED.credits, videos = counted.videos + EXCLUDED.videos,
        completed = counted.completed + EXCLUDED.completed, gpu_seconds = counted.gpu_seconds + EXCLUDED.gpu_seconds
"""


@dataclass(frozen=True, kw_only=True)
class Use:
    """Whose job it is, of which model, and the day (UTC) of its submit: where it is counted, whenever it ends."""

    team_id: int
    user_id: int | None
    api_key_id: int | None
    model: str
    day: datetime.date


def count(*, use: Use, credits: int, videos: int = 0, completed: int = 0, gpu_seconds: float = 0) -> None:  # noqa: A002
    """Adds to the day's row, under the lock of the team's wallet that the caller holds."""
    row = (use.team_id, use.day, use.user_id, use.api_key_id, use.model, credits, videos, completed, gpu_seconds)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, row)
