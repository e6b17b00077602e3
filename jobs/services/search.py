"""Which of a team's videos are asked for: by state, model, words of the prompt and time, a page at a time."""

import re
import uuid
from dataclasses import dataclass

from django.db import connection

from accounts.models import Team
from common.ids import first_id_at
from common.pagination import Page, keyset_page
from jobs.models import Job

_SPECIAL = re.compile(r"([\\%_])")
_LAST_ID = uuid.UUID(int=2**128 - 1)


@dataclass(frozen=True)
class Wanted:
    """What a list of videos is narrowed to; None does not narrow. Times in seconds since 1970, the second excluded."""

    state: str | None = None
    model: str | None = None
    words: str | None = None
    created_after: int | None = None
    created_before: int | None = None

    @property
    def first_id(self) -> uuid.UUID:
        return first_id_at(self.created_after or 0)

    @property
    def end_id(self) -> uuid.UUID:
        return _LAST_ID if self.created_before is None else first_id_at(self.created_before)


def find_videos(
    *, team: Team, wanted: Wanted, after: uuid.UUID | None = None, limit: int, newest_first: bool = True
) -> Page[Job]:
    """The page of at most `limit` videos that follows `after`."""
    rows = Job.objects.for_team(team)
    if not (wanted.state or wanted.model or wanted.words):
        rows = rows.filter(id__gte=wanted.first_id, id__lt=wanted.end_id)
        return keyset_page(rows, after=after, limit=limit, newest_first=newest_first)
    found = _find_ids(team, wanted, after, limit + 1, newest_first)
    order = "-pk" if newest_first else "pk"
    return Page(list(rows.filter(pk__in=found[:limit]).order_by(order)), len(found) > limit)


def _find_ids(team: Team, wanted: Wanted, after: uuid.UUID | None, most: int, newest_first: bool) -> list[uuid.UUID]:
    """See migration 0008 for why this is a function of the database."""
    first, end = wanted.first_id, wanted.end_id
    if after is not None and newest_first:
        end = min(end, after)
    elif after is not None:
        first = max(first, uuid.UUID(int=min(after.int + 1, _LAST_ID.int)))
    pattern = None if wanted.words is None else "%" + _SPECIAL.sub(r"\\\1", wanted.words) + "%"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT found FROM jobs_find(%s, %s, %s, %s, %s, %s, %s, %s)",
            [team.pk, wanted.state, wanted.model, pattern, first, end, newest_first, most],
        )
        return [row[0] for row in cursor.fetchall()]
