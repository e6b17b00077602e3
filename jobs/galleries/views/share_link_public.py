"""The pages that a share link opens. The only cookie is the one that remembers the link's password."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts import tenancy
from common.errors import LimitExceeded, MutoscopeError
from common.ids import public_id
from common.ratelimit import Limit, hit
from jobs.galleries.models import Publication, ShareLink
from jobs.galleries.search import PublicationFilter
from jobs.galleries.services.sharing import count_view, find_link, password_matches
from jobs.galleries.views.gallery import publication_page
from jobs.galleries.views.public_rendering import (
    PublicContext,
    content_response,
    find_finished_video,
    page_not_found,
    render_gone,
    render_grid,
    render_video,
    with_private_headers,
)
from jobs.models import Job

_COOKIE_SALT = "share-link"
_COOKIE_NAME = "share"
_COOKIE_MAX_AGE_SECONDS = 12 * 3600
# Attempts at a link's password: for one IP address, and for all of them together.
_PASSWORD_RATE_LIMITS = ("5/minute", "1000/hour")

LinkView = Callable[..., HttpResponseBase]


def share_link_required(view: LinkView) -> LinkView:
    """Pass a live link to the view, after its password. Every other link gets the same response."""

    @wraps(view)
    def page(request: HttpRequest, token: str, **kwargs: str) -> HttpResponseBase:
        link = find_link(token)
        try:
            if link is None:
                raise page_not_found()
            tenancy.activate(team_id=link.team.pk)
            if link.password and not _is_unlocked(request, link):
                return _password_form(request, link)
            return view(request, link, **kwargs)
        except MutoscopeError:
            return render_gone(request)

    return page


# Without a referrer, browsers send `Origin: null` with a form, and the CSRF check treats that as another site. Nothing
# happens in a visitor's name here: a forged form that sends a password only opens the link for them.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@share_link_required
def shared(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    """Show the video, or the collection's posters."""
    if request.method == "POST":
        return redirect("shared", link.token)
    public_context = _public_context(link)
    if link.collection is None:
        response = render_video(request, public_context, _single_video(link), back=False)
    else:
        page = publication_page(request, link.team, PublicationFilter(collection_id=link.collection.pk))
        response = render_grid(request, public_context, page)
    return _record_view(request, link, response)


@require_safe
@share_link_required
def shared_video(request: HttpRequest, link: ShareLink, video_id: str) -> HttpResponseBase:
    """Show one video of a collection."""
    response = render_video(
        request, _public_context(link), _video_in_link(link, video_id), back=link.collection is not None
    )
    return _record_view(request, link, response)


@require_safe
@share_link_required
def shared_content(request: HttpRequest, link: ShareLink, video_id: str) -> HttpResponseBase:
    return content_response(request, _public_context(link), _video_in_link(link, video_id))


def _public_context(link: ShareLink) -> PublicContext:
    return PublicContext(
        team=link.team,
        base_path=reverse("shared", args=[link.token]),
        title=link.collection.name if link.collection else "",
        text=link.collection.description if link.collection else "",
        is_private=True,
    )


def _single_video(link: ShareLink) -> Job:
    return find_finished_video(link.team, public_id("vid", link.job_id))  # type: ignore[arg-type] # the CHECK: one of the two


def _video_in_link(link: ShareLink, video_id: str) -> Job:
    """Return the video if the link shares it. Raise NotFound."""
    job = find_finished_video(link.team, video_id)
    if link.collection is None:
        is_shared = job.pk == link.job_id
    else:
        items = Publication.objects.for_team(link.team).filter(items__collection=link.collection, job=job)
        is_shared = items.exists()
    if not is_shared:
        raise page_not_found()
    return job


def _record_view(request: HttpRequest, link: ShareLink, response: HttpResponseBase) -> HttpResponseBase:
    if request.method == "GET":
        count_view(link)
    return response


def _is_unlocked(request: HttpRequest, link: ShareLink) -> bool:
    try:
        unlocked: str = signing.loads(
            request.COOKIES.get(_COOKIE_NAME, ""), salt=_COOKIE_SALT, max_age=_COOKIE_MAX_AGE_SECONDS
        )
    except signing.BadSignature:
        return False
    return unlocked == link.public_id


def _password_form(request: HttpRequest, link: ShareLink) -> HttpResponse:
    """Show the password form. A cookie for this link remembers the right password."""
    status = 200 if request.method in {"GET", "HEAD"} else 403
    wait = None
    if request.method == "POST":
        try:
            callers = (f"{link.pk}:{request.client_ip}", str(link.pk))  # type: ignore[attr-defined]
            hit(
                [
                    Limit("share-password", caller, rate)
                    for rate, caller in zip(_PASSWORD_RATE_LIMITS, callers, strict=True)
                ]
            )
        except LimitExceeded as error:
            status, wait = 429, error.retry_after_seconds
        else:
            if password_matches(link, request.POST.get("password", "")):
                return _remember_password(link)
    response = render(request, "galleries/public_password.html", {"wrong": status == 403, "wait": wait}, status=status)
    if wait:
        response["Retry-After"] = str(wait)
    return with_private_headers(response)


def _remember_password(link: ShareLink) -> HttpResponse:
    path = reverse("shared", args=[link.token])
    response = redirect(path)
    response.set_cookie(
        _COOKIE_NAME,
        signing.dumps(link.public_id, salt=_COOKIE_SALT),
        max_age=_COOKIE_MAX_AGE_SECONDS,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return with_private_headers(response)
