"""The collections page. Every member sees the collections; owners and admins create, edit and delete them."""

from typing import Any

from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.auth.decorators import team_member_required
from accounts.auth.htmx import htmx_redirect, is_htmx
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import Conflict
from common.ids import public_id
from jobs.galleries.models import Collection, CollectionItem, Publication
from jobs.galleries.selectors import find_collection
from jobs.galleries.services.curation import (
    create_collection,
    delete_collection,
    edit_collection,
    may_curate,
    require_curator,
)
from jobs.galleries.views.forms import CollectionForm, first_errors

_COVER_COUNT = 3


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required(Scope.VIDEOS_READ)
def collections(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show the page; POST creates a collection."""
    if request.method != "POST":
        return render(request, "galleries/collections.html", _context(principal))
    require_curator(principal)
    return _save(request, principal, None)


@require_http_methods(["GET", "HEAD"])
@team_member_required(Scope.GALLERY_WRITE)
def new(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show the empty form. With scripts, the page shows it in a dialog."""
    require_curator(principal)
    return _render_dialog(request, "galleries/collection_form.html", {})


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required(Scope.GALLERY_WRITE)
def edit(request: HttpRequest, principal: Principal, collection_id: str) -> HttpResponseBase:
    """Show the form; POST updates the collection."""
    collection = find_collection(principal, collection_id)
    require_curator(principal)
    if request.method == "POST":
        return _save(request, principal, collection)
    return _render_dialog(request, "galleries/collection_form.html", {"collection": collection, "values": collection})


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required(Scope.GALLERY_WRITE)
def delete(request: HttpRequest, principal: Principal, collection_id: str) -> HttpResponseBase:
    """Ask for confirmation; POST deletes the collection."""
    collection = find_collection(principal, collection_id)
    require_curator(principal)
    if request.method != "POST":
        return _render_dialog(request, "galleries/collection_delete.html", {"collection": collection})
    delete_collection(principal=principal, collection=collection)
    messages.success(request, _("The collection “%(name)s” was deleted.") % {"name": collection.name})
    return htmx_redirect(request, reverse("collections"))


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
            errors["name"] = error.localized()
        else:
            messages.success(request, _("The collection “%(name)s” was saved.") % {"name": form.cleaned_data["name"]})
            return htmx_redirect(request, reverse("collections"))
    context = {"collection": collection, "values": request.POST, "errors": errors}
    return _render_dialog(request, "galleries/collection_form.html", context, status=422)


def _render_dialog(request: HttpRequest, part: str, context: dict[str, Any], *, status: int = 200) -> HttpResponseBase:
    """Render the dialog's content for htmx, else a page that contains it."""
    template = part if is_htmx(request) else "galleries/collection.html"
    return render(request, template, context | {"part": part}, status=status)


def _context(principal: Principal) -> dict[str, Any]:
    publications = Publication.objects.for_team(principal.team).filter(items__collection=OuterRef("pk"))
    # A subquery for each collection uses an index; a join would read and sort every item.
    items = CollectionItem.objects.filter(collection=OuterRef("pk")).values("collection")
    rows = (
        Collection.objects.for_team(principal.team)
        .annotate(
            size=Coalesce(Subquery(items.annotate(size=Count("*")).values("size")), 0),
            covers=ArraySubquery(publications.order_by("-pk").values("job")[:_COVER_COUNT]),
        )
        .order_by("position", "id")
    )
    return {
        "collections": [
            {"collection": row, "covers": [public_id("vid", job_id) for job_id in row.covers]} for row in rows
        ],
        "may_curate": may_curate(principal),
    }
