"""What all pages of a signed-in person share: who is asking, and our errors as the site's error pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

import structlog
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.auth.principals import Principal, principal_for_session
from accounts.roles import Scope
from common.errors import Conflict, Forbidden, LimitExceeded, MutoscopeError, NotFound

P = ParamSpec("P")
PageView = Callable[Concatenate[HttpRequest, Principal, P], HttpResponseBase]
ActionView = Callable[Concatenate[HttpRequest, Principal, P], HttpResponseBase]


def team_member_required(scope: Scope | None = None) -> Callable[[PageView[P]], Callable[..., HttpResponseBase]]:
    """A view for signed-in members: it gets their Principal, which holds `scope`.

    Everybody else is sent to the login page. Forbidden becomes the 403 page, NotFound the 404 page.
    """

    def decorate(view: PageView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            principal = principal_for_session(request)
            if principal is None:
                return _redirect_to_login(request)
            structlog.contextvars.bind_contextvars(team=principal.team.pk)
            try:
                if scope is not None:
                    principal.require(scope)
                response = view(request, principal, *args, **kwargs)
            except Forbidden as error:
                raise PermissionDenied(error.message) from error
            except NotFound as error:
                raise Http404(error.message) from error
            # What a team sees must not stay in a shared computer's or a proxy's cache.
            response.headers.setdefault("Cache-Control", "no-store, private")
            return response

        return page

    return decorate


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


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asked, so that a fragment is wanted and not a page."""
    return bool(request.htmx)  # type: ignore[attr-defined]


def _redirect_to_login(request: HttpRequest) -> HttpResponseBase:
    if not is_htmx(request):
        return redirect_to_login(request.get_full_path())
    # htmx would follow a redirect and put the login page into a corner of this one.
    try:
        came_from = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
    except ValueError:  # "http://[" is no address
        came_from = "/"
    response = HttpResponse(status=204)
    response["HX-Redirect"] = f"{resolve_url('account_login')}?{urlencode({'next': came_from})}"
    return response
