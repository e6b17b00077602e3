"""What the team's buttons share: they are POSTs, and a refusal is said on the page that they lead back to."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.auth.decorators import team_member_required
from accounts.auth.principals import Principal
from common.errors import Conflict, LimitExceeded, MutoscopeError

P = ParamSpec("P")
ActionView = Callable[Concatenate[HttpRequest, Principal, P], HttpResponseBase]


def team_action(back_to: str) -> Callable[[ActionView[P]], Callable[..., HttpResponseBase]]:
    """A view that changes something for a signed-in member; a Conflict leads back with its words."""

    def decorate(view: ActionView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def action(request: HttpRequest, principal: Principal, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return view(request, principal, *args, **kwargs)
            except (Conflict, LimitExceeded) as error:
                messages.error(request, error_message(error))
                return redirect(back_to)

        return require_POST(team_member_required()(action))

    return decorate


def error_message(error: MutoscopeError) -> str:
    """A refusal in the reader's language."""
    if isinstance(error, LimitExceeded) and error.retry_after_seconds:
        minutes = -(-error.retry_after_seconds // 60)
        return _("Too many invitations in a short time. Try again in %(minutes)s minutes.") % {"minutes": minutes}
    return error.message
