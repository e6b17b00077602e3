"""A team's public page: what it has marked as public, for everybody, while the page is switched on."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts import tenancy
from common.errors import MutoscopeError
from common.ids import parse_public_id
from jobs.galleries.models import Publication, PublicPage
from jobs.galleries.pages.gallery import PAGE
from jobs.galleries.pages.showing import Shown, gone, show_content, show_grid, show_nothing, show_video, shown_video
from jobs.galleries.search import Wanted, find_publications
from jobs.models import Job

PublicView = Callable[..., HttpResponseBase]


def public_page(view: PublicView) -> PublicView:
    """A view of an open public page; it gets what to show. Closed, absent and empty-handed are one page."""

    @wraps(view)
    def page(request: HttpRequest, slug: str, **kwargs: str) -> HttpResponseBase:
        found = PublicPage.objects.select_related("team").filter(slug=slug, is_on=True, team__closed_at=None).first()
        try:
            if found is None:
                raise gone()
            tenancy.enter(team_id=found.team.pk)
            shown = Shown(
                team=found.team, home=reverse("public_gallery", args=[slug]), title=found.team.name, is_private=False
            )
            return view(request, shown, **kwargs)
        except MutoscopeError:
            return show_nothing(request)

    return page


@require_safe
@public_page
def public_gallery(request: HttpRequest, shown: Shown) -> HttpResponseBase:
    after = request.GET.get("after", "")
    page = find_publications(
        team=shown.team,
        wanted=Wanted(public_only=True),
        viewer=None,
        after=parse_public_id("pub", after) if after else None,
        limit=PAGE,
    )
    return show_grid(request, shown, page)


@require_safe
@public_page
def public_video(request: HttpRequest, shown: Shown, video_id: str) -> HttpResponseBase:
    return show_video(request, shown, _public(shown, video_id), back=True)


@require_safe
@public_page
def public_content(request: HttpRequest, shown: Shown, video_id: str) -> HttpResponseBase:
    return show_content(request, shown, _public(shown, video_id))


def _public(shown: Shown, video_id: str) -> Job:
    """The video, if it is public. Raises NotFound."""
    job = shown_video(shown.team, video_id)
    if not Publication.objects.for_team(shown.team).filter(job=job, is_public=True).exists():
        raise gone()
    return job
