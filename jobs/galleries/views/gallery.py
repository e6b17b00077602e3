"""The gallery: posters of what the team has published, by words, tag, model, person, collection, and favourites."""

import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.auth.decorators import is_htmx, team_member_required
from accounts.auth.principals import Principal
from accounts.models import User
from accounts.roles import Scope
from common.ids import not_found, parse_public_id
from inference.catalogue import MODELS
from inference.sizes import nearest_aspect_ratio
from jobs.galleries.models import MAX_TAG_LENGTH, Collection, Publication
from jobs.galleries.search import PublicationFilter, list_publications
from jobs.galleries.services.curation import may_curate
from jobs.galleries.services.sharing import may_share

PAGE_SIZE = 24
_MAX_SEARCH_LENGTH = 200


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def gallery(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """The page; for htmx its results alone; with `after`, the cards that follow."""
    after = request.GET.get("after", "")
    people = User.objects.filter(memberships__team=principal.team).order_by("email")
    collections = Collection.objects.for_team(principal.team)
    active_query_string = _active_query_string(request)
    collection = _selected_collection(collections, active_query_string["collection"])
    page = list_publications(
        team=principal.team,
        filters=PublicationFilter(
            terms=active_query_string["q"],
            tag=active_query_string["tag"] or None,
            model=active_query_string["model"] or None,
            publisher_id=_publisher_id(active_query_string["who"]),
            collection_id=collection.pk if collection else None,
            favourite_of=principal.user.pk if active_query_string["favourites"] else None,
        ),
        viewer=principal.user,
        after=parse_public_id("pub", after) if after else None,
        limit=PAGE_SIZE,
    )
    context: dict[str, Any] = {
        "cards": cards(page.rows),
        "active_query_string": active_query_string,
        "query_string": urlencode({name: value for name, value in active_query_string.items() if value}),
        "more_after": page.rows[-1].public_id if page.has_more else "",
        "collection": collection,
    }
    if is_htmx(request):
        return render(request, "galleries/more.html" if after else "galleries/results.html", context)
    context |= {
        "collections": collections,
        "models": [spec for spec in MODELS.values() if not spec.test_only],
        "people": people,
        "may_curate": may_curate(principal),
        "may_write": Scope.GALLERY_WRITE in principal.scopes,
        "may_share": collection is not None and may_share(principal, collection),
    }
    return render(request, "galleries/gallery.html", context)


def cards(publications: Any) -> list[dict[str, Any]]:
    """Publications with what a card needs beside them."""
    return [
        {"publication": publication, "job": publication.job, "aspect": aspect(publication)}
        for publication in publications
    ]


def aspect(publication: Publication) -> str:
    return nearest_aspect_ratio(publication.job.width, publication.job.height)


def _active_query_string(request: HttpRequest) -> dict[str, str]:
    """The query_string of the address, by name; empty ones do not narrow."""
    given = {name: str(value).replace("\0", "").strip() for name, value in request.GET.items()}
    return {
        "q": given.get("q", "")[:_MAX_SEARCH_LENGTH],
        "tag": given.get("tag", "")[:MAX_TAG_LENGTH].lower(),
        "model": given.get("model", "")[:60],
        "who": given.get("who", "")[:20],
        "collection": given.get("collection", "")[:40],
        "favourites": "1" if given.get("favourites") else "",
    }


def _publisher_id(text: str) -> int | None:
    """A user's number; nobody's for what is no number, as for a number of nobody."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def _selected_collection(collections: Iterable[Collection], identifier: str) -> Collection | None:
    if not identifier:
        return None
    wanted: uuid.UUID = parse_public_id("col", identifier)
    # From the list that the page shows anyway: one question less.
    found = next((collection for collection in collections if collection.pk == wanted), None)
    if found is None:
        raise not_found("col", identifier)
    return found
