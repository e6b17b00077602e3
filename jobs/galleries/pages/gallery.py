"""The gallery: posters of what the team has published, by words, tag, model, person, collection, and favourites."""

import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.pages import is_htmx, team_page
from accounts.principals import Principal
from accounts.roles import Scope
from common.ids import absent, parse_public_id
from inference.catalogue import MODELS
from inference.sizes import nearest_aspect_ratio
from jobs.galleries.models import LONGEST_TAG, Collection, Publication
from jobs.galleries.search import Wanted, find_publications
from jobs.galleries.services.curation import may_curate
from jobs.galleries.services.sharing import may_share

PAGE = 24
_LONGEST_SEARCH = 200


@require_safe
@team_page(Scope.VIDEOS_READ)
def gallery(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """The page; for htmx its results alone; with `after`, the cards that follow."""
    after = request.GET.get("after", "")
    people = User.objects.filter(memberships__team=principal.team).order_by("email")
    collections = Collection.objects.for_team(principal.team)
    asked = _asked(request)
    collection = _chosen_collection(collections, asked["collection"])
    page = find_publications(
        team=principal.team,
        wanted=Wanted(
            words=asked["q"],
            tag=asked["tag"] or None,
            model=asked["model"] or None,
            publisher_id=_person(asked["who"]),
            collection_id=collection.pk if collection else None,
            favourite_of=principal.user.pk if asked["favourites"] else None,
        ),
        viewer=principal.user,
        after=parse_public_id("pub", after) if after else None,
        limit=PAGE,
    )
    context: dict[str, Any] = {
        "cards": cards(page.rows),
        "asked": asked,
        "filters": urlencode({name: value for name, value in asked.items() if value}),
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


def _asked(request: HttpRequest) -> dict[str, str]:
    """The filters of the address, by name; empty ones do not narrow."""
    given = {name: str(value).replace("\0", "").strip() for name, value in request.GET.items()}
    return {
        "q": given.get("q", "")[:_LONGEST_SEARCH],
        "tag": given.get("tag", "")[:LONGEST_TAG].lower(),
        "model": given.get("model", "")[:60],
        "who": given.get("who", "")[:20],
        "collection": given.get("collection", "")[:40],
        "favourites": "1" if given.get("favourites") else "",
    }


def _person(text: str) -> int | None:
    """A user's number; nobody's for what is no number, as for a number of nobody."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def _chosen_collection(collections: Iterable[Collection], identifier: str) -> Collection | None:
    if not identifier:
        return None
    wanted: uuid.UUID = parse_public_id("col", identifier)
    # From the list that the page shows anyway: one question less.
    found = next((collection for collection in collections if collection.pk == wanted), None)
    if found is None:
        raise absent("col", identifier)
    return found
