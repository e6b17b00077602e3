"""The page of one publication, and its actions: publish, edit, remove, mark as favourite, and collect."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.form_nonce import refused
from accounts.auth.htmx import htmx_redirect, is_htmx
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import Conflict
from inference.models.catalogue import MODELS
from jobs.galleries.models import Collection, Publication, PublicPage
from jobs.galleries.selectors import find_publication
from jobs.galleries.services import publishing
from jobs.galleries.services.curation import may_curate, set_in_collection
from jobs.galleries.services.sharing import may_share
from jobs.galleries.views.forms import PublicationForm, first_errors
from jobs.galleries.views.gallery import aspect
from jobs.videos.selectors import find_video


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def publication(request: HttpRequest, principal: Principal, publication_id: str) -> HttpResponseBase:
    return render(
        request, "galleries/publication.html", _context(principal, find_publication(principal, publication_id))
    )


@require_POST
@team_member_required(Scope.GALLERY_WRITE)
def publish(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    """Publish a video and open its page. The dialog shows errors in the fields."""
    job = find_video(principal.team, video_id)
    form = PublicationForm(request.POST)
    if not form.is_valid():
        context = {"job": job, "values": request.POST, "errors": first_errors(form)}
        return render(request, "galleries/publish_form.html", context, status=422)
    try:
        published = publishing.publish_video(principal=principal, job=job, **form.cleaned_data)
    except Conflict as error:
        if error.code != "already_published":
            messages.error(request, error.localized())
            return refused(htmx_redirect(request, reverse("video", args=[job.public_id])))
        published = Publication.objects.for_team(principal.team).get(job=job)
    else:
        messages.success(request, _("The video was published to the gallery."))
    return htmx_redirect(request, reverse("publication", args=[published.public_id]))


@require_POST
@team_member_required(Scope.GALLERY_WRITE)
def edit(request: HttpRequest, principal: Principal, publication_id: str) -> HttpResponseBase:
    found = find_publication(principal, publication_id)
    form = PublicationForm(request.POST)
    if not form.is_valid():
        context = {"publication": found, "values": request.POST, "errors": first_errors(form)}
        return render(request, "galleries/edit_form.html", context, status=422)
    publishing.edit_publication(principal=principal, publication=found, **form.cleaned_data)
    messages.success(request, _("The changes were saved."))
    return htmx_redirect(request, reverse("publication", args=[publication_id]))


@require_POST
@team_member_required(Scope.GALLERY_WRITE)
def unpublish(request: HttpRequest, principal: Principal, publication_id: str) -> HttpResponseBase:
    found = find_publication(principal, publication_id)
    publishing.unpublish(principal=principal, publication=found)
    messages.success(request, _("The video was removed from the gallery. It is still in History."))
    return htmx_redirect(request, reverse("video", args=[found.job.public_id]))


@require_POST
@team_member_required(Scope.VIDEOS_READ)
def favourite(request: HttpRequest, principal: Principal, publication_id: str) -> HttpResponseBase:
    """Mark or unmark the publication; htmx gets the updated star."""
    found = find_publication(principal, publication_id)
    value = request.POST.get("wanted") == "1"
    publishing.set_favourite(principal=principal, publication=found, value=value)
    if not is_htmx(request):
        return redirect("publication", publication_id)
    found.is_favourite = value  # type: ignore[attr-defined]
    return render(request, "galleries/star_response.html", {"publication": found})


@require_POST
@team_member_required(Scope.GALLERY_WRITE)
def collect(request: HttpRequest, principal: Principal, publication_id: str) -> HttpResponseBase:
    """Put the publication into exactly the selected collections."""
    found = find_publication(principal, publication_id)
    selected = set(request.POST.getlist("collections"))
    in_collections = set(found.collections.values_list("pk", flat=True))
    for collection in Collection.objects.for_team(principal.team):
        value = collection.public_id in selected
        if value != (collection.pk in in_collections):
            set_in_collection(principal=principal, collection=collection, publication=found, value=value)
    messages.success(request, _("The changes were saved."))
    return htmx_redirect(request, reverse("publication", args=[publication_id]))


def _context(principal: Principal, found: Publication) -> dict[str, Any]:
    descriptor = MODELS.get(found.model)
    in_collections = list(found.collections.all())
    curator = may_curate(principal)
    return {
        "publication": found,
        "job": found.job,
        "aspect": aspect(found),
        "model_title": descriptor.title if descriptor else found.model,
        "in_collections": in_collections,
        "collections": Collection.objects.for_team(principal.team) if curator else [],
        "values": {"caption": found.caption, "tags": ", ".join(found.tags), "is_public": found.is_public},
        "may_edit": publishing.may_edit(principal, found),
        "may_curate": curator,
        "may_share": may_share(principal, found.job),
        "may_create": Scope.VIDEOS_WRITE in principal.scopes,
        "live_links": publishing.count_live_links(principal, found.job),
        "public_page": PublicPage.objects.for_team(principal.team).filter(is_on=True).first(),
    }
