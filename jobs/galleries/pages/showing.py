"""How strangers see a team's videos, by a link or on the public page: a grid, a player, the bytes; no account needed.

Caption and team name are shown, the prompt is not: it was written for the team.
"""

from dataclasses import dataclass
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts.models import Team
from common.errors import NotFound
from common.ids import parse_public_id
from common.pagination import Page
from inference.sizes import nearest_aspect_ratio
from jobs.api.files import file_name, file_response
from jobs.galleries.models import Publication
from jobs.galleries.pages.gallery import cards
from jobs.models import Job
from jobs.services.variants import THUMBNAIL, VIDEO, variant_key
from jobs.states import State

Response = TypeVar("Response", bound=HttpResponseBase)


@dataclass(frozen=True)
class Shown:
    """A door for strangers. home: the address that everything behind it starts with."""

    team: Team
    home: str
    title: str = ""
    text: str = ""
    is_private: bool = False


def gone() -> NotFound:
    return NotFound("There is nothing at this address.")


def shown_video(team: Team, identifier: str) -> Job:
    """A finished video of the team whose file is there. Raises NotFound."""
    pk = parse_public_id("vid", identifier)
    job = Job.objects.for_team(team).filter(pk=pk, state=State.COMPLETED).first()
    if job is None or job.is_gone:
        raise gone()
    return job


def show_grid(request: HttpRequest, shown: Shown, page: Page[Publication]) -> HttpResponseBase:
    context = {
        "shown": shown,
        "cards": cards(page.rows),
        "more_after": page.rows[-1].public_id if page.has_more else "",
        "cover": page.rows[0].job if page.rows else None,
        "origin": request.build_absolute_uri("/").rstrip("/"),
    }
    return _finished(render(request, "galleries/shown_grid.html", context), shown)


def show_video(request: HttpRequest, shown: Shown, job: Job, *, back: bool) -> HttpResponseBase:
    """The player. back: whether there is a grid to go back to."""
    publication = Publication.objects.for_team(shown.team).filter(job=job).first()
    context = {
        "shown": shown,
        "job": job,
        "caption": publication.caption if publication else "",
        "aspect": nearest_aspect_ratio(job.width, job.height),
        "back": back,
        "origin": request.build_absolute_uri("/").rstrip("/"),
    }
    return _finished(render(request, "galleries/shown_video.html", context), shown)


def show_content(request: HttpRequest, shown: Shown, job: Job) -> HttpResponseBase:
    """The film, or with `?variant=thumbnail` its poster."""
    variant = request.GET.get("variant", VIDEO)
    if variant not in {VIDEO, THUMBNAIL}:
        raise gone()
    key = variant_key(job, variant)
    name = file_name(job, key, with_prompt=False)
    response = file_response(request, key, filename=name, as_attachment="download" in request.GET)
    return _finished(response, shown)


def show_nothing(request: HttpRequest) -> HttpResponse:
    """The same page for what has ended, what was revoked and what never was."""
    response = render(request, "galleries/shown_nothing.html", status=404)
    return kept_private(response)


def kept_private(response: Response) -> Response:
    """A link that is revoked must not live on in caches, nor its address in other sites' logs."""
    response["Cache-Control"] = "no-store, private"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


def _finished(response: HttpResponseBase, shown: Shown) -> HttpResponseBase:
    if shown.is_private:
        return kept_private(response)
    response["Cache-Control"] = "no-store"  # what is withdrawn is gone at once
    return response
