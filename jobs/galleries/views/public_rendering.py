"""Responses for people without an account, for share links and the public page: a grid, a player, and the files.

They show the caption and the team's name, but not the prompt, which was written for the team.
"""

from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts.models import Team
from common.errors import NotFound
from common.ids import parse_public_id
from common.pagination import Page
from inference.models.sizes import nearest_aspect_ratio
from jobs.galleries.models import Publication
from jobs.galleries.views.gallery import cards
from jobs.models import Job
from jobs.states import State
from jobs.storage.file_responses import download_filename, file_response
from jobs.videos.renditions import THUMBNAIL, VIDEO, variant_key

Response = TypeVar("Response", bound=HttpResponseBase)


@dataclass(frozen=True)
class PublicContext:
    """What a share link or a public page shows. base_path: the prefix of all its URLs."""

    team: Team
    base_path: str
    title: str = ""
    text: str = ""
    is_private: bool = False


def page_not_found() -> NotFound:
    return NotFound("There is nothing at this URL.")


def find_finished_video(team: Team, identifier: str) -> Job:
    """Return a completed video of the team whose file exists. Raise NotFound."""
    pk = parse_public_id("vid", identifier)
    job = Job.objects.for_team(team).filter(pk=pk, state=State.COMPLETED).first()
    if job is None or job.is_gone:
        raise page_not_found()
    return job


def render_grid(request: HttpRequest, public_context: PublicContext, page: Page[Publication]) -> HttpResponseBase:
    context = {
        "public_context": public_context,
        "cards": cards(page.rows),
        "more_after": page.next_after,
        "cover": page.rows[0].job if page.rows else None,
        "site_url": settings.SITE_URL,
    }
    return _with_cache_headers(render(request, "galleries/public_grid.html", context), public_context)


def render_video(request: HttpRequest, public_context: PublicContext, job: Job, *, back: bool) -> HttpResponseBase:
    """Render the player. back: whether there is a grid to go back to."""
    publication = Publication.objects.for_team(public_context.team).filter(job=job).first()
    context = {
        "public_context": public_context,
        "job": job,
        "caption": publication.caption if publication else "",
        "aspect": nearest_aspect_ratio(job.width, job.height),
        "back": back,
        "site_url": settings.SITE_URL,
    }
    return _with_cache_headers(render(request, "galleries/public_video.html", context), public_context)


def content_response(request: HttpRequest, public_context: PublicContext, job: Job) -> HttpResponseBase:
    """Return the video file, or its poster with `?variant=thumbnail`."""
    variant = request.GET.get("variant", VIDEO)
    if variant not in {VIDEO, THUMBNAIL}:
        raise page_not_found()
    key = variant_key(job, variant)
    name = download_filename(job, key, with_prompt=False)
    response = file_response(request, key, filename=name, as_attachment="download" in request.GET)
    return _with_cache_headers(response, public_context)


def render_gone(request: HttpRequest) -> HttpResponse:
    """Render the same page for expired, revoked and unknown links."""
    response = render(request, "galleries/public_gone.html", status=404)
    return with_private_headers(response)


def with_private_headers(response: Response) -> Response:
    """Keep the response out of caches, where it would survive a revocation, and its URL out of other sites' logs."""
    response["Cache-Control"] = "no-store, private"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


def _with_cache_headers(response: HttpResponseBase, public_context: PublicContext) -> HttpResponseBase:
    if public_context.is_private:
        return with_private_headers(response)
    response["Cache-Control"] = "no-store"  # a removed publication disappears immediately
    return response
