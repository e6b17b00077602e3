"""The Team page: members and invitations, and what is done to them."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.auth.decorators import error_message, team_action, team_member_required
from accounts.auth.principals import Principal
from accounts.models import Invitation, Membership
from accounts.roles import Right, Role
from accounts.teams import invitations, members
from accounts.teams.emails import send_invitation_email
from accounts.teams.forms import InviteForm, MemberForm
from common.errors import Conflict, LimitExceeded, NotFound


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def team(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Who is in the team; for those who manage it the invitations too. POST invites somebody."""
    if request.method != "POST":
        return _page(request, principal, InviteForm(own_role=principal.role))
    principal.require_right(Right.MANAGE_MEMBERS)
    form = InviteForm(request.POST, own_role=principal.role)
    if form.is_valid():
        try:
            invitation, secret = invitations.invite(team=principal.team, actor=principal.user, **form.cleaned_data)
        except (Conflict, LimitExceeded) as error:
            form.add_error("email", error_message(error))
        else:
            return _send_and_redirect(request, invitation, secret)
    return _page(request, principal, form, status=422)


@team_action(back_to="team")
def resend(request: HttpRequest, principal: Principal, invitation_id: int) -> HttpResponseBase:
    principal.require_right(Right.MANAGE_MEMBERS)
    invitation, secret = invitations.renew(team=principal.team, actor=principal.user, invitation_id=invitation_id)
    return _send_and_redirect(request, invitation, secret)


@team_action(back_to="team")
def withdraw(request: HttpRequest, principal: Principal, invitation_id: int) -> HttpResponseBase:
    principal.require_right(Right.MANAGE_MEMBERS)
    gone = invitations.withdraw(team=principal.team, actor=principal.user, invitation_id=invitation_id)
    messages.success(request, _("The invitation of %(email)s is withdrawn.") % {"email": gone.email})
    return redirect("team")


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def member(request: HttpRequest, principal: Principal, user_id: int) -> HttpResponseBase:
    """One member's role and caps. POST changes them."""
    principal.require_right(Right.MANAGE_MEMBERS)
    found = _member(principal, user_id)
    if not principal.role.covers(Role(found.role)):
        raise principal.role_too_low()
    form = MemberForm.of(found, principal.role)
    if request.method == "POST":
        form = MemberForm(request.POST, own_role=principal.role)
        if form.is_valid():
            try:
                members.change_member(team=principal.team, actor=principal.user, user_id=user_id, **form.cleaned_data)
            except Conflict as error:
                form.add_error("role", error.message)
            else:
                messages.success(request, _("Saved."))
                return redirect("team")
    context = {"member": found, "form": form, "is_self": found.user_id == principal.user.pk}
    return render(request, "teams/member.html", context, status=422 if form.is_bound else 200)


@team_action(back_to="team")
def remove(request: HttpRequest, principal: Principal, user_id: int) -> HttpResponseBase:
    principal.require_right(Right.MANAGE_MEMBERS)
    found = _member(principal, user_id)
    members.remove_member(team=principal.team, actor=principal.user, user_id=user_id)
    messages.success(request, _("%(email)s is not in the team any more.") % {"email": found.user.email})
    return redirect("team")


@team_action(back_to="team")
def leave(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    members.leave_team(team=principal.team, user=principal.user)
    messages.success(request, _("You left the team %(team)s.") % {"team": principal.team.name})
    return redirect("create")


def _member(principal: Principal, user_id: int) -> Membership:
    found = principal.team.memberships.select_related("user").filter(user_id=user_id).first()
    if found is None:
        raise NotFound("No such member.")
    return found


def _send_and_redirect(request: HttpRequest, invitation: Invitation, secret: str) -> HttpResponse:
    if send_invitation_email(invitation=invitation, secret=secret):
        messages.success(request, _("The invitation is on its way to %(email)s.") % {"email": invitation.email})
    else:
        messages.error(request, _("The mail could not be sent. Send the invitation again in a moment."))
    return redirect("team")


def _page(request: HttpRequest, principal: Principal, form: InviteForm, status: int = 200) -> HttpResponse:
    manages = principal.may(Right.MANAGE_MEMBERS)
    rows = sorted(
        principal.team.memberships.select_related("user"),
        key=lambda row: (list(Role).index(Role(row.role)), row.user.email),
    )
    context: dict[str, Any] = {
        "form": form,
        "manages": manages,
        "members": [(row, manages and principal.role.covers(Role(row.role))) for row in rows],
    }
    if manages:
        pending = invitations.open_invitations().filter(team=principal.team)
        context["invitations"] = pending.select_related("inviter").order_by("-pk")
    return render(request, "teams/team.html", context, status=status)
