"""The History page: the team's videos, newest first, filtered by state and by words of the prompt."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.htmx import is_htmx
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import NotFound
from common.ids import parse_public_id
from common.pagination import KeysetPaginator
from common.text import normalize_text
from jobs.models import Job
from jobs.states import State
from jobs.videos.search import VideoFilter, list_videos
from jobs.videos.views.more_pages import show_pages_in_url, shown_pages
from jobs.videos.views.video import card_context

_PAGE_SIZE = 24
_MAX_SEARCH_LENGTH = 200


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def history(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show the page, or for htmx only its results: all of them, or the cards that follow `after`."""
    after, pages = request.GET.get("after", ""), shown_pages(request)
    state = request.GET.get("state", "")
    search = normalize_text(request.GET.get("q", "").replace("\0", "")[:_MAX_SEARCH_LENGTH]).strip()
    if state not in State.values:
        state = ""
    filters = VideoFilter(state=state or None, search=search or None)
    paginator: KeysetPaginator[Job] = KeysetPaginator(
        lambda after, limit: list_videos(team=principal.team, filters=filters, after=after, limit=limit),
        _PAGE_SIZE if after else _PAGE_SIZE * pages,
        prefix="vid",
    )
    page = paginator.get_page(after)
    context: dict[str, Any] = {
        "cards": card_context(page.rows),
        "running_ids": ",".join(job.public_id for job in page.rows if not job.is_finished),
        "state": state,
        "states": State.choices,
        "q": search,
        "query_string": urlencode({name: value for name, value in (("state", state), ("q", search)) if value}),
        "more_after": page.next_after,
        "next_pages": pages + 1,
        "may_write": Scope.VIDEOS_WRITE in principal.scopes,
    }
    template = "jobs/history.html"
    if is_htmx(request):
        template = "jobs/history_more.html" if after else "jobs/history_results.html"
    response = render(request, template, context)
    return show_pages_in_url(request, response, context["query_string"]) if after else response


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def running(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show the current cards of videos that were running, and the element that polls for them again."""
    identifiers = []
    for text in request.GET.get("ids", "").split(",")[:_PAGE_SIZE]:
        try:
            identifiers.append(parse_public_id("vid", text))
        except NotFound:
            continue
    jobs = list(Job.objects.for_team(principal.team).filter(pk__in=identifiers).order_by("-id"))
    context = {
        "cards": card_context(jobs),
        "running_ids": ",".join(job.public_id for job in jobs if not job.is_finished),
        "may_write": Scope.VIDEOS_WRITE in principal.scopes,
    }
    return render(request, "jobs/history_running.html", context)
