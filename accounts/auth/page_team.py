"""A page belongs to the team that it was rendered for, even if another tab has switched to another team since.

Forms send this team in a hidden field (`{% form_token %}`), and htmx sends it in a header (`app.html`). A request for
another team than the current one is refused: it would charge the wrong team, or show it what it must not see.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.auth.htmx import is_htmx, refuse_htmx
from accounts.auth.principals import Principal, use_team
from accounts.models import Team
from common.errors import Forbidden, NotFound

FIELD, HEADER = "page_team", "X-Page-Team"
# The button of the refusal: it switches back to the team of the form, and submits the form again.
SWITCH_BACK_FIELD = "switch_back"
_MAX_TEAMS_SEARCHED = 20
_NOT_KEPT = {"csrfmiddlewaretoken", SWITCH_BACK_FIELD}


def switch_team(request: HttpRequest, principal: Principal, team_id: str) -> Principal:
    """Make another of the user's teams the current one. Raise NotFound for all other teams."""
    team = next((team for team in principal.teams if str(team.pk) == team_id), None)
    if team is None:
        raise NotFound("No such team.")
    request.session["team"] = team.pk
    return use_team(request, principal.user, team.pk)


def page_principal(request: HttpRequest, principal: Principal) -> Principal:
    """Return the principal, after switching back to the team of the form if the form asks for it."""
    if SWITCH_BACK_FIELD not in request.POST:
        return principal
    return switch_team(request, principal, request.POST.get(FIELD, ""))


def find_team_of_page(request: HttpRequest, principal: Principal, view: Callable[[Principal], object]) -> Team | None:
    """Return the other team of the user in which this page exists, such as that of a video whose link they follow."""
    if request.method not in {"GET", "HEAD"} or is_htmx(request):
        return None
    try:
        for team in principal.teams[:_MAX_TEAMS_SEARCHED]:
            if team == principal.team:
                continue
            try:
                view(use_team(request, principal.user, team.pk))
            except (NotFound, Forbidden):
                continue
            return team
    finally:
        use_team(request, principal.user, principal.team.pk)
    return None


def is_of_other_team(request: HttpRequest, principal: Principal) -> bool:
    """Return whether the page that sent the request was rendered for another team than the current one."""
    sent = {request.POST.get(FIELD, ""), request.headers.get(HEADER, "")} - {""}
    return bool(sent - {str(principal.team.pk)})


def other_team_response(request: HttpRequest, principal: Principal) -> HttpResponse:
    """Return the refusal. It keeps what was entered: htmx leaves the page as it is, otherwise the page repeats it."""
    if is_htmx(request):
        return refuse_htmx("teamChanged", name=principal.team.name)
    page_team = request.POST.get(FIELD, "")
    entered = [(name, value) for name, values in request.POST.lists() for value in values if name not in _NOT_KEPT]
    context = {
        "page_team": next((team for team in principal.teams if str(team.pk) == page_team), None),
        "fields": entered,
        # Passwords must not be shown in a page. Without its password, a share link would be open to everybody.
        "is_repeatable": not request.FILES and not any("password" in name and value for name, value in entered),
    }
    return render(request, "teams/team_changed.html", context, status=409)
