"""List a team's videos page by page, filtered by state, model, words of the prompt and time."""

import re
import uuid
from dataclasses import dataclass, replace

from django.db import connection

from accounts.models import Team
from common.errors import NotFound
from common.ids import first_id_at, parse_public_id
from common.pagination import Page, keyset_page
from jobs.models import Job

_LIKE_WILDCARDS = re.compile(r"([\\%_])")
_LAST_ID = uuid.UUID(int=2**128 - 1)


@dataclass(frozen=True)
class VideoFilter:
    """Filters of a list of videos; None means no filter. Times: seconds since 1970, `created_before` is exclusive."""

    state: str | None = None
    model: str | None = None
    search: str | None = None
    created_after: int | None = None
    created_before: int | None = None

    @property
    def first_id(self) -> uuid.UUID:
        return first_id_at(self.created_after or 0)

    @property
    def end_id(self) -> uuid.UUID:
        return _LAST_ID if self.created_before is None else first_id_at(self.created_before)


def list_videos(
    *, team: Team, filters: VideoFilter, after: uuid.UUID | None = None, limit: int, newest_first: bool = True
) -> Page[Job]:
    """Return the page of at most `limit` videos that follows `after`.

    A search finds the prompts that contain all its words, or the video whose id it is.
    """
    rows = Job.objects.for_team(team)
    video_id = _parse_id(filters.search or "")
    if video_id is not None:
        exact = {"state": filters.state, "model": filters.model}
        rows = rows.filter(pk=video_id, **{name: value for name, value in exact.items() if value})
        filters = replace(filters, search=None, state=None, model=None)
    if not (filters.state or filters.model or filters.search):
        rows = rows.filter(id__gte=filters.first_id, id__lt=filters.end_id)
        return keyset_page(rows, after=after, limit=limit, newest_first=newest_first)
    ids = _find_ids(team, filters, after, limit + 1, newest_first)
    order = "-pk" if newest_first else "pk"
    return Page(list(rows.filter(pk__in=ids[:limit]).order_by(order)), len(ids) > limit)


def _parse_id(text: str) -> uuid.UUID | None:
    try:
        return parse_public_id("vid", text.strip())
    except NotFound:
        return None


def _find_ids(
    team: Team, filters: VideoFilter, after: uuid.UUID | None, max_ids: int, newest_first: bool
) -> list[uuid.UUID]:
    """Return matching ids. Migrations 0018 and 0020 explain why this is a function of the database."""
    first, end = filters.first_id, filters.end_id
    if after is not None and newest_first:
        end = min(end, after)
    elif after is not None:
        first = max(first, uuid.UUID(int=min(after.int + 1, _LAST_ID.int)))
    words = sorted(set((filters.search or "").split()), key=len, reverse=True)
    # One LIKE pattern for each word. The separator is whitespace, so no word contains it.
    patterns = "\x1f".join("%" + _LIKE_WILDCARDS.sub(r"\\\1", word) + "%" for word in words) or None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT found FROM jobs_find(%s, %s, %s, %s, %s, %s, %s, %s)",
            [team.pk, filters.state, filters.model, patterns, first, end, newest_first, max_ids],
        )
        return [row[0] for row in cursor.fetchall()]
