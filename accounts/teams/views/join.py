"""The page behind an invitation's link."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.auth import signup
from accounts.models import User
from accounts.teams import invitations
from common.errors import Conflict, NotFound


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """Show the invitation to anybody who has the link. POST accepts it, if signed in with the invited email address.

    The page is the same for used, withdrawn, expired and unknown invitations.
    """
    user = request.user if isinstance(request.user, User) else None
    try:
        if request.method == "POST" and user is not None:
            return _accept(request, secret, user)
        invitation = invitations.find_invitation(secret)
    except NotFound:
        return _page(request, "teams/join_invalid.html", {}, status=404)
    signup.remember_invitation(request, invitation)
    context = {
        "invitation": invitation,
        "is_for_user": user is not None and invitations.is_for(invitation, user),
        "may_sign_up": signup.may_sign_up(request, invitation.email),
    }
    return _page(request, "teams/join.html", context)


def _accept(request: HttpRequest, secret: str, user: User) -> HttpResponse:
    try:
        membership = invitations.accept(secret=secret, user=user)
    except Conflict:
        return redirect("join", secret)  # the page names the account to sign in with
    request.session["team"] = membership.team_id
    messages.success(request, _("You joined the team %(team)s.") % {"team": membership.team.name})
    return redirect("history")


def _page(request: HttpRequest, template: str, context: dict[str, object], status: int = 200) -> HttpResponse:
    response = render(request, template, context, status=status)
    add_never_cache_headers(response)
    response["X-Robots-Tag"] = "noindex"
    return response
