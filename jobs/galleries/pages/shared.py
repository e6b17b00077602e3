"""What a link shows to whoever has it. No cookie is set but the one that remembers the link's password."""

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
from common.ids import parse_public_id, public_id
from common.ratelimit import Limit, hit
from jobs.galleries.models import Publication, ShareLink
from jobs.galleries.pages.gallery import PAGE
from jobs.galleries.pages.showing import (
    Shown,
    gone,
    kept_private,
    show_content,
    show_grid,
    show_nothing,
    show_video,
    shown_video,
)
from jobs.galleries.search import Wanted, find_publications
from jobs.galleries.services.sharing import count_view, find_link, password_fits
from jobs.models import Job

_SALT = "share-link"
_COOKIE = "share"
_REMEMBERED_SECONDS = 12 * 3600
# Tries at a link's password: of one address, and of all of them together.
_TRIES = ("5/minute", "1000/hour")

LinkView = Callable[..., HttpResponseBase]


def link_page(view: LinkView) -> LinkView:
    """A view of what a live link shows; it gets the link. The password is asked for first; all else is one page."""

    @wraps(view)
    def page(request: HttpRequest, token: str, **kwargs: str) -> HttpResponseBase:
        link = find_link(token)
        try:
            if link is None:
                raise gone()
            tenancy.enter(team_id=link.team.pk)
            if link.password and not _unlocked(request, link):
                return _ask(request, link)
            return view(request, link, **kwargs)
        except MutoscopeError:
            return show_nothing(request)

    return page


# Without a referrer browsers send `Origin: null` with a form, which the check takes for foreign. Nothing is done in a
# visitor's name here: whoever makes one send a password only opens a link for them.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@link_page
def shared(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    """The video, or the collection's posters."""
    if request.method == "POST":
        return redirect("shared", link.token)
    shown = _shown(link)
    if link.collection is None:
        answer = show_video(request, shown, _only_video(link), back=False)
    else:
        after = request.GET.get("after", "")
        page = find_publications(
            team=link.team,
            wanted=Wanted(collection_id=link.collection.pk),
            viewer=None,
            after=parse_public_id("pub", after) if after else None,
            limit=PAGE,
        )
        answer = show_grid(request, shown, page)
    return _counted(request, link, answer)


@require_safe
@link_page
def shared_video(request: HttpRequest, link: ShareLink, video_id: str) -> HttpResponseBase:
    """One video of a collection."""
    answer = show_video(request, _shown(link), _covered(link, video_id), back=link.collection is not None)
    return _counted(request, link, answer)


@require_safe
@link_page
def shared_content(request: HttpRequest, link: ShareLink, video_id: str) -> HttpResponseBase:
    return show_content(request, _shown(link), _covered(link, video_id))


def _shown(link: ShareLink) -> Shown:
    return Shown(
        team=link.team,
        home=reverse("shared", args=[link.token]),
        title=link.collection.name if link.collection else "",
        text=link.collection.description if link.collection else "",
        is_private=True,
    )


def _only_video(link: ShareLink) -> Job:
    return shown_video(link.team, public_id("vid", link.job_id))  # type: ignore[arg-type] # the CHECK: one of the two


def _covered(link: ShareLink, video_id: str) -> Job:
    """The video, if the link covers it. Raises NotFound."""
    job = shown_video(link.team, video_id)
    if link.collection is None:
        covered = job.pk == link.job_id
    else:
        inside = Publication.objects.for_team(link.team).filter(items__collection=link.collection, job=job)
        covered = inside.exists()
    if not covered:
        raise gone()
    return job


def _counted(request: HttpRequest, link: ShareLink, answer: HttpResponseBase) -> HttpResponseBase:
    if request.method == "GET":
        count_view(link)
    return answer


def _unlocked(request: HttpRequest, link: ShareLink) -> bool:
    try:
        known: str = signing.loads(request.COOKIES.get(_COOKIE, ""), salt=_SALT, max_age=_REMEMBERED_SECONDS)
    except signing.BadSignature:
        return False
    return known == link.public_id


def _ask(request: HttpRequest, link: ShareLink) -> HttpResponse:
    """The password's form; a right one is remembered by this browser for this link alone."""
    status = 200 if request.method in {"GET", "HEAD"} else 403
    wait = None
    if request.method == "POST":
        try:
            callers = (f"{link.pk}:{request.client_ip}", str(link.pk))  # type: ignore[attr-defined]
            hit([Limit("share-password", caller, rate) for rate, caller in zip(_TRIES, callers, strict=True)])
        except LimitExceeded as error:
            status, wait = 429, error.retry_after_seconds
        else:
            if password_fits(link, request.POST.get("password", "")):
                return _remember(link)
    response = render(request, "galleries/shown_password.html", {"wrong": status == 403, "wait": wait}, status=status)
    if wait:
        response["Retry-After"] = str(wait)
    return kept_private(response)


def _remember(link: ShareLink) -> HttpResponse:
    address = reverse("shared", args=[link.token])
    response = redirect(address)
    response.set_cookie(
        _COOKIE,
        signing.dumps(link.public_id, salt=_SALT),
        max_age=_REMEMBERED_SECONDS,
        path=address,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return kept_private(response)
