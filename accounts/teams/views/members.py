"""The Team page: members, invitations, and the actions on them."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.auth.decorators import team_action, team_member_required
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.principals import Principal
from accounts.models import Invitation, Membership
from accounts.roles import Right, Role
from accounts.teams import invitations, members
from accounts.teams.access import preview_removal
from accounts.teams.emails import send_invitation_email
from accounts.teams.forms import InviteForm, MemberForm
from common.errors import Conflict, LimitExceeded, NotFound


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def team(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """List the members, and for those who manage them also the invitations. POST sends an invitation."""
    if request.method != "POST":
        return _page(request, principal, InviteForm(own_role=principal.role))
    principal.require_right(Right.MANAGE_MEMBERS)
    form = InviteForm(request.POST, own_role=principal.role)
    if form.is_valid():
        try:
            invitation, secret = invitations.invite(team=principal.team, actor=principal.user, **form.cleaned_data)
        except (Conflict, LimitExceeded) as error:
            form.add_error("email", error.localized())
        else:
            return _send_and_redirect(request, invitation, secret)
    return _page(request, principal, form, status=422)


@impersonation(Access.NONE)
@team_action(back_to="team")
def resend(request: HttpRequest, principal: Principal, invitation_id: int) -> HttpResponseBase:
    principal.require_right(Right.MANAGE_MEMBERS)
    invitation, secret = invitations.renew(team=principal.team, actor=principal.user, invitation_id=invitation_id)
    return _send_and_redirect(request, invitation, secret)


@impersonation(Access.NONE)
@team_action(back_to="team")
def withdraw(request: HttpRequest, principal: Principal, invitation_id: int) -> HttpResponseBase:
    principal.require_right(Right.MANAGE_MEMBERS)
    invitation = invitations.withdraw(team=principal.team, actor=principal.user, invitation_id=invitation_id)
    messages.success(request, _("The invitation for %(email)s was withdrawn.") % {"email": invitation.email})
    return redirect("team")


@impersonation(Access.NONE)
@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def member(request: HttpRequest, principal: Principal, user_id: int) -> HttpResponseBase:
    """Show a member's role and caps. POST changes them."""
    principal.require_right(Right.MANAGE_MEMBERS)
    membership = _member(principal, user_id)
    if not principal.role.covers(Role(membership.role)):
        raise principal.role_too_low()
    form = MemberForm.of(membership, principal.role)
    if request.method == "POST":
        form = MemberForm(request.POST, own_role=principal.role)
        if form.is_valid():
            try:
                members.change_member(team=principal.team, actor=principal.user, user_id=user_id, **form.cleaned_data)
            except Conflict as error:
                form.add_error("role", error.localized())
            else:
                messages.success(request, _("Saved."))
                return redirect("team")
    context = {
        "member": membership,
        "form": form,
        "is_self": membership.user_id == principal.user.pk,
        "ends": preview_removal(team=principal.team, user=membership.user),
    }
    return render(request, "teams/member.html", context, status=422 if form.is_bound else 200)


@impersonation(Access.NONE)
@team_action(back_to="team")
def remove(request: HttpRequest, principal: Principal, user_id: int) -> HttpResponseBase:
    principal.require_right(Right.MANAGE_MEMBERS)
    membership = _member(principal, user_id)
    members.remove_member(team=principal.team, actor=principal.user, user_id=user_id)
    messages.success(request, _("%(email)s is no longer in the team.") % {"email": membership.user.email})
    return redirect("team")


@impersonation(Access.NONE)
@team_action(back_to="team")
def leave(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    members.leave_team(team=principal.team, user=principal.user)
    messages.success(request, _("You left the team %(team)s.") % {"team": principal.team.name})
    return redirect("create")


def _member(principal: Principal, user_id: int) -> Membership:
    membership = principal.team.memberships.select_related("user").filter(user_id=user_id).first()
    if membership is None:
        raise NotFound("No such member.")
    return membership


def _send_and_redirect(request: HttpRequest, invitation: Invitation, secret: str) -> HttpResponse:
    if send_invitation_email(invitation=invitation, secret=secret):
        messages.success(request, _("The invitation was sent to %(email)s.") % {"email": invitation.email})
    else:
        messages.error(request, _("The email could not be sent. Send the invitation again in a moment."))
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
