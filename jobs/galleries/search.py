"""Which publications a person asks for: words, a tag, a model, a person, a collection, the own favourites."""

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
    """What a list of publications is narrowed to; None does not narrow."""

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
    """The page of at most `limit` publications that follows `after`, newest first, in two queries."""
    found = _find_ids(team, filters, after, limit + 1)
    rows = Publication.objects.for_team(team).with_favourites_of(viewer).filter(pk__in=found[:limit]).order_by("-pk")
    return Page(list(rows), len(found) > limit)


def _find_ids(team: Team, filters: PublicationFilter, after: uuid.UUID | None, limit: int) -> list[uuid.UUID]:
    """See migration 0002 for why this is a function of the database."""
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
    """A LIKE pattern for each word, the longest first: it is the one that an index looks up."""
    escaped = [_LIKE_SPECIAL.sub(r"\\\1", word) for word in normalize_for_search(terms).split()[:_MAX_SEARCH_TERMS]]
    return [f"%{word}%" for word in sorted(escaped, key=len, reverse=True)] or None
