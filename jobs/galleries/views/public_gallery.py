"""A team's public page: it shows public publications to everybody while it is enabled."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts import tenancy
from common.errors import MutoscopeError
from jobs.galleries.models import Publication, PublicPage
from jobs.galleries.search import PublicationFilter
from jobs.galleries.views.gallery import publication_page
from jobs.galleries.views.public_rendering import (
    PublicContext,
    content_response,
    find_finished_video,
    page_not_found,
    render_gone,
    render_grid,
    render_video,
)
from jobs.models import Job

PublicView = Callable[..., HttpResponseBase]


def public_page_required(view: PublicView) -> PublicView:
    """Pass the context of an enabled public page to the view.

    A disabled page, a page that does not exist, and a video that it does not show all get the same response.
    """

    @wraps(view)
    def page(request: HttpRequest, slug: str, **kwargs: str) -> HttpResponseBase:
        found = PublicPage.objects.select_related("team").filter(slug=slug, is_on=True, team__deleted_at=None).first()
        try:
            if found is None:
                raise page_not_found()
            tenancy.activate(team_id=found.team.pk)
            public_context = PublicContext(
                team=found.team,
                base_path=reverse("public_gallery", args=[slug]),
                title=found.team.name,
                is_private=False,
            )
            return view(request, public_context, **kwargs)
        except MutoscopeError:
            return render_gone(request)

    return page


@require_safe
@public_page_required
def public_gallery(request: HttpRequest, public_context: PublicContext) -> HttpResponseBase:
    page = publication_page(request, public_context.team, PublicationFilter(public_only=True))
    return render_grid(request, public_context, page)


@require_safe
@public_page_required
def public_video(request: HttpRequest, public_context: PublicContext, video_id: str) -> HttpResponseBase:
    return render_video(request, public_context, _find_published_video(public_context, video_id), back=True)


@require_safe
@public_page_required
def public_content(request: HttpRequest, public_context: PublicContext, video_id: str) -> HttpResponseBase:
    return content_response(request, public_context, _find_published_video(public_context, video_id))


def _find_published_video(public_context: PublicContext, video_id: str) -> Job:
    """Return the video if it is public. Raise NotFound."""
    job = find_finished_video(public_context.team, video_id)
    if not Publication.objects.for_team(public_context.team).filter(job=job, is_public=True).exists():
        raise page_not_found()
    return job
