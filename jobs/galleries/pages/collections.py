"""The collections page: all see what there is; owners and admins make, change and delete."""

from typing import Any

from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.pages import team_page
from accounts.principals import Principal
from accounts.roles import Scope
from common.errors import Conflict
from common.ids import public_id
from jobs.galleries.lookups import find_collection
from jobs.galleries.models import Collection, Publication
from jobs.galleries.pages.forms import CollectionForm, first_errors
from jobs.galleries.pages.publication import go
from jobs.galleries.services.curation import (
    create_collection,
    delete_collection,
    edit_collection,
    may_curate,
    require_curator,
)

_COVERS = 3


@require_http_methods(["GET", "HEAD", "POST"])
@team_page(Scope.VIDEOS_READ)
def collections(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """The page; POST makes a collection."""
    if request.method != "POST":
        return render(request, "galleries/collections.html", _context(principal))
    require_curator(principal)
    return _save(request, principal, None)


@require_POST
@team_page(Scope.GALLERY_WRITE)
def edit(request: HttpRequest, principal: Principal, collection_id: str) -> HttpResponseBase:
    collection = find_collection(principal, collection_id)
    require_curator(principal)
    return _save(request, principal, collection)


@require_POST
@team_page(Scope.GALLERY_WRITE)
def delete(request: HttpRequest, principal: Principal, collection_id: str) -> HttpResponseBase:
    collection = find_collection(principal, collection_id)
    delete_collection(principal=principal, collection=collection)
    messages.success(request, _("The collection “%(name)s” is deleted.") % {"name": collection.name})
    return go(request, reverse("collections"))


def _save(request: HttpRequest, principal: Principal, collection: Collection | None) -> HttpResponseBase:
    form = CollectionForm(request.POST)
    errors = first_errors(form)
    if not errors:
        try:
            if collection is None:
                create_collection(principal=principal, **form.cleaned_data)
            else:
                edit_collection(principal=principal, collection=collection, **form.cleaned_data)
        except Conflict as error:
            if error.code == "name_taken":
                errors["name"] = _("The team has a collection of this name already. Choose another name.")
            else:
                errors["name"] = _("The team has as many collections as it can have. Delete one first.")
        else:
            messages.success(request, _("The collection “%(name)s” is saved.") % {"name": form.cleaned_data["name"]})
            return go(request, reverse("collections"))
    context = {"collection": collection, "values": request.POST, "errors": errors}
    return render(request, "galleries/collection_form.html", context, status=422)


def _context(principal: Principal) -> dict[str, Any]:
    shown = Publication.objects.for_team(principal.team).filter(items__collection=OuterRef("pk")).order_by("-pk")
    found = (
        Collection.objects.for_team(principal.team)
        .annotate(size=Count("items"), covers=ArraySubquery(shown.values("job")[:_COVERS]))
        .order_by("position", "id")
    )
    return {
        "collections": [
            {"collection": one, "covers": [public_id("vid", job_id) for job_id in one.covers]} for one in found
        ],
        "may_curate": may_curate(principal),
    }
