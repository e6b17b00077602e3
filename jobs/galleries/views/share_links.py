"""Share links: the dialog of a video or a collection, and the page with all links and the public page."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.htmx import is_htmx
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import Conflict
from common.ids import find_by_public_id
from common.pagination import KeysetPaginator
from jobs.galleries.models import Collection, PublicPage, ShareLink
from jobs.galleries.selectors import find_target
from jobs.galleries.services.curation import may_curate, set_public_page_enabled
from jobs.galleries.services.sharing import create_link, may_share, revoke_link, visible_links
from jobs.galleries.views.forms import LIFETIMES, ShareForm, first_errors
from jobs.models import Job

_PAGE_SIZE = 50


@impersonation(Access.NONE)
@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required(Scope.GALLERY_WRITE)
def share(request: HttpRequest, principal: Principal, target_id: str) -> HttpResponseBase:
    """Show the links of one video or collection and the form for a new one, as a dialog for htmx, else as a page."""
    target = find_target(principal, target_id)
    if request.method != "POST":
        return _dialog(request, principal, target)
    form = ShareForm(request.POST)
    errors = first_errors(form)
    if errors:
        return _dialog(request, principal, target, errors=errors, values=request.POST, status=422)
    try:
        created_link = create_link(
            principal=principal,
            target=target,
            expires_at=form.expires_at(),
            password=form.cleaned_data["password"],
        )
    except Conflict as error:
        errors["form"] = error.localized()
        return _dialog(request, principal, target, errors=errors, status=409)
    return _dialog(request, principal, target, created_link=created_link, status=201)


@impersonation(Access.NONE)
@require_POST
@team_member_required(Scope.GALLERY_WRITE)
def revoke(request: HttpRequest, principal: Principal, link_id: str) -> HttpResponseBase:
    """Revoke a link; htmx gets the updated dialog."""
    rows = visible_links(principal).select_related("job", "collection")
    link = find_by_public_id(rows, "shr", link_id)
    revoke_link(link=link)
    if is_htmx(request):
        return _dialog(request, principal, link.job or link.collection)
    messages.success(request, _("The link was revoked and no longer works."))
    return redirect("sharing")


@impersonation(Access.NONE)
@require_safe
@team_member_required(Scope.GALLERY_WRITE)
def sharing(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show all links that the principal may see, newest first, and the switch of the public page."""
    rows = visible_links(principal).select_related("creator", "collection", "job__publication")
    page = KeysetPaginator(rows, _PAGE_SIZE, prefix="shr").get_page(request.GET.get("after"))
    context = {
        "links": page.rows,
        "more_after": page.next_after,
        "may_curate": may_curate(principal),
        "public_page": PublicPage.objects.for_team(principal.team).first(),
    }
    return render(request, "galleries/share_links.html", context)


@impersonation(Access.NONE)
@require_POST
@team_member_required(Scope.GALLERY_WRITE)
def public_page(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Enable or disable the team's public page."""
    enabled = request.POST.get("on") == "1"
    set_public_page_enabled(principal=principal, enabled=enabled)
    text = _("The public page is on.") if enabled else _("The public page is off.")
    messages.success(request, text)
    return redirect(reverse("sharing"))


def _dialog(
    request: HttpRequest,
    principal: Principal,
    target: Job | Collection | None,
    *,
    created_link: ShareLink | None = None,
    errors: dict[str, Any] | None = None,
    values: Any = None,
    status: int = 200,
) -> HttpResponse:
    links = visible_links(principal).live().select_related("creator").order_by("-pk")
    links = links.filter(collection=target) if isinstance(target, Collection) else links.filter(job=target)
    context = {
        "target": target,
        "is_collection": isinstance(target, Collection),
        "links": links[:_PAGE_SIZE],
        "created_link": created_link,
        "errors": errors or {},
        "values": values or {},
        "lifetimes": LIFETIMES,
        "may_share": target is not None and may_share(principal, target),
        "sees_all": may_curate(principal),
    }
    template = "galleries/share_dialog.html" if is_htmx(request) else "galleries/share.html"
    return render(request, template, context, status=status)
