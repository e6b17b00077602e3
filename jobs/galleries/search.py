"""Search for publications by words, tag, model, publisher, collection, and the viewer's favourites."""

import re
import uuid
from dataclasses import dataclass

from django.db import connection

from accounts.models import Team, User
from common.pagination import Page
from jobs.galleries.models import Publication, normalize_for_search

_MAX_SEARCH_TERMS = 8
_LIKE_SPECIAL = re.compile(r"([\\%_])")


@dataclass(frozen=True)
class PublicationFilter:
    """Conditions for a list of publications. None means no condition."""

    terms: str = ""
    tag: str | None = None
    model: str | None = None
    publisher_id: int | None = None
    collection_id: uuid.UUID | None = None
    favourite_of: int | None = None
    public_only: bool = False


def list_publications(
    *, team: Team, filters: PublicationFilter, viewer: User | None, after: uuid.UUID | None, limit: int
) -> Page[Publication]:
    """Return the page of at most `limit` publications after `after`, newest first, in two queries."""
    ids = _find_ids(team, filters, after, limit + 1)
    rows = Publication.objects.for_team(team).with_favourites_of(viewer).filter(pk__in=ids[:limit]).order_by("-pk")
    return Page(list(rows), len(ids) > limit)


def _find_ids(team: Team, filters: PublicationFilter, after: uuid.UUID | None, limit: int) -> list[uuid.UUID]:
    """Return the ids of the publications. Migration 0002 says why this is a database function."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT found FROM galleries_find(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                team.pk,
                _like_patterns(filters.terms),
                filters.tag,
                filters.model,
                filters.publisher_id,
                filters.collection_id,
                filters.favourite_of,
                filters.public_only,
                after,
                limit,
            ],
        )
        return [row[0] for row in cursor.fetchall()]


def _like_patterns(terms: str) -> list[str] | None:
    """Return a LIKE pattern for each word, the longest first: the index is searched for that one."""
    escaped = [_LIKE_SPECIAL.sub(r"\\\1", word) for word in normalize_for_search(terms).split()[:_MAX_SEARCH_TERMS]]
    return [f"%{word}%" for word in sorted(escaped, key=len, reverse=True)] or None
