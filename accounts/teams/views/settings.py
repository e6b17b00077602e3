"""Creating, switching, changing and deleting a team."""

from django.conf import settings as django_settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.auth.decorators import team_action, team_member_required
from accounts.auth.htmx import is_htmx
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.page_team import switch_team
from accounts.auth.principals import Principal
from accounts.models import Team
from accounts.roles import Right
from accounts.teams import members, services
from accounts.teams.forms import NewTeamForm, SettingsForm, TeamDeletionForm
from common.errors import Conflict


@impersonation(Access.WRITE)
@team_action(back_to="create")
def switch(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Make another of the user's teams the current one. Raises NotFound for all other teams."""
    switch_team(request, principal, request.POST.get("team", ""))
    if is_htmx(request):  # a page switches back to its team and stays open
        return HttpResponse(status=204)
    back_to = request.POST.get("next", "")
    return redirect(back_to if url_has_allowed_host_and_scheme(back_to, None) else "create")


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def new(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show the form for a new team. POST creates it and makes it the current one."""
    form = NewTeamForm(request.POST or None)
    if form.is_valid():
        try:
            team = services.create_team(name=form.cleaned_data["name"], owner=principal.user)
        except Conflict as error:
            form.add_error("name", error.localized())
        else:
            request.session["team"] = team.pk
            messages.success(
                request, _("The team %(team)s was created. You can invite people now.") % {"team": team.name}
            )
            return redirect("team")
    return render(request, "teams/new.html", {"form": form}, status=422 if request.method == "POST" else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def settings(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show and change name and default model. Owners can also transfer the ownership and delete the team."""
    principal.require_right(Right.MANAGE_TEAM)
    if request.method != "POST":
        return _page(request, principal, SettingsForm.of(principal.team))
    form = SettingsForm(request.POST)
    if not form.is_valid():
        return _page(request, principal, form, status=422)
    services.change_settings(team=principal.team, actor=principal.user, **form.cleaned_data)
    messages.success(request, _("Saved."))
    return redirect("team_settings")


@impersonation(Access.NONE)
@team_action(back_to="team_settings")
def transfer_ownership(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    principal.require_right(Right.OWN_TEAM)
    try:
        new_owner = int(request.POST.get("user", ""))
    except ValueError:  # also raised for thousands of digits
        raise Conflict("Choose another member of the team.", code="new_owner_not_member") from None
    members.transfer_ownership(team=principal.team, actor=principal.user, user_id=new_owner)
    messages.success(request, _("The team has a new owner. You are an admin now."))
    return redirect("team")


@impersonation(Access.NONE)
@team_action(back_to="team_settings")
def schedule_deletion(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Start the grace period, if the typed name is correct."""
    principal.require_right(Right.OWN_TEAM)
    form = TeamDeletionForm(request.POST, team=principal.team)
    if not form.is_valid():
        return _page(request, principal, SettingsForm.of(principal.team), deletion_form=form, status=422)
    services.schedule_deletion(team=principal.team, actor=principal.user)
    return redirect("team_settings")


@impersonation(Access.NONE)
@team_action(back_to="team")
def cancel_deletion(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    services.cancel_deletion(team=principal.team, actor=principal.user)
    messages.success(request, _("The deletion of the team %(team)s is canceled.") % {"team": principal.team.name})
    return redirect("team")


def _page(
    request: HttpRequest,
    principal: Principal,
    form: SettingsForm,
    *,
    deletion_form: TeamDeletionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "is_owner": principal.may(Right.OWN_TEAM),
        "grace_days": django_settings.TEAM_DELETION_GRACE_DAYS,
        "new_owner_candidates": _new_owner_candidates(principal.team, principal),
        "deletion_form": deletion_form or TeamDeletionForm(team=principal.team),
    }
    return render(request, "teams/settings.html", context, status=status)


def _new_owner_candidates(team: Team, principal: Principal) -> list[tuple[int, str]]:
    others = team.memberships.filter(user__is_active=True).exclude(user=principal.user)
    return list(others.order_by("user__email").values_list("user_id", "user__email"))
