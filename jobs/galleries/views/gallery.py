"""The gallery page: posters of the team's publications, filtered by words, tag, model, publisher and collection."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.htmx import is_htmx
from accounts.auth.principals import Principal
from accounts.models import Team, User
from accounts.roles import Scope
from common.ids import not_found, parse_public_id
from common.pagination import KeysetPaginator, Page
from inference.models.sizes import nearest_aspect_ratio
from jobs.galleries.models import MAX_TAG_LENGTH, Collection, Publication
from jobs.galleries.search import PublicationFilter, list_publications
from jobs.galleries.services.curation import may_curate
from jobs.galleries.services.sharing import may_share
from jobs.videos.submission import enabled_models
from jobs.videos.views.more_pages import show_pages_in_url, shown_pages

PAGE_SIZE = 24
_MAX_SEARCH_LENGTH = 200


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def gallery(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show the page; for htmx only the results, and with `after` the cards that follow."""
    after = request.GET.get("after", "")
    people = User.objects.filter(memberships__team=principal.team).order_by("email")
    collections = Collection.objects.for_team(principal.team)
    active_filters = _active_filters(request)
    collection = _selected_collection(collections, active_filters["collection"])
    filters = PublicationFilter(
        terms=active_filters["q"],
        tag=active_filters["tag"] or None,
        model=active_filters["model"] or None,
        publisher_id=_publisher_id(active_filters["who"]),
        collection_id=collection.pk if collection else None,
        favourite_of=principal.user.pk if active_filters["favourites"] else None,
    )
    pages = shown_pages(request)
    page = publication_page(request, principal.team, filters, viewer=principal.user, pages=1 if after else pages)
    context: dict[str, Any] = {
        "cards": cards(page.rows),
        "active_filters": active_filters,
        "query_string": urlencode({name: value for name, value in active_filters.items() if value}),
        "more_after": page.next_after,
        "next_pages": pages + 1,
        "collection": collection,
    }
    if is_htmx(request):
        response = render(request, "galleries/more.html" if after else "galleries/results.html", context)
        return show_pages_in_url(request, response, context["query_string"]) if after else response
    context |= {
        "collections": collections,
        "models": enabled_models(),
        "people": people,
        "may_curate": may_curate(principal),
        "may_write": Scope.GALLERY_WRITE in principal.scopes,
        "may_share": collection is not None and may_share(principal, collection),
    }
    return render(request, "galleries/gallery.html", context)


def publication_page(
    request: HttpRequest, team: Team, filters: PublicationFilter, *, viewer: User | None = None, pages: int = 1
) -> Page[Publication]:
    """Return the page of publications that the query parameter `after` asks for."""
    paginator: KeysetPaginator[Publication] = KeysetPaginator(
        lambda after, limit: list_publications(team=team, filters=filters, viewer=viewer, after=after, limit=limit),
        PAGE_SIZE * pages,
        prefix="pub",
    )
    return paginator.get_page(request.GET.get("after"))


def cards(publications: Any) -> list[dict[str, Any]]:
    """Return the template context of each publication's card."""
    return [
        {"publication": publication, "job": publication.job, "aspect": aspect(publication)}
        for publication in publications
    ]


def aspect(publication: Publication) -> str:
    return nearest_aspect_ratio(publication.job.width, publication.job.height)


def _active_filters(request: HttpRequest) -> dict[str, str]:
    """Return the filters of the query string by name. An empty value means no filter."""
    parameters = {name: str(value).replace("\0", "").strip() for name, value in request.GET.items()}
    return {
        "q": parameters.get("q", "")[:_MAX_SEARCH_LENGTH],
        "tag": parameters.get("tag", "")[:MAX_TAG_LENGTH].lower(),
        "model": parameters.get("model", "")[:60],
        "who": parameters.get("who", "")[:20],
        "collection": parameters.get("collection", "")[:40],
        "favourites": "1" if parameters.get("favourites") else "",
    }


def _publisher_id(text: str) -> int | None:
    """Return the user id of the filter. A text that is not a number becomes 0, the id of nobody."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def _selected_collection(collections: Iterable[Collection], identifier: str) -> Collection | None:
    if not identifier:
        return None
    collection_id = parse_public_id("col", identifier)
    # From the list that the page shows anyway, which saves a query.
    found = next((collection for collection in collections if collection.pk == collection_id), None)
    if found is None:
        raise not_found("col", identifier)
    return found
