"""Decorators of the pages for signed-in users: they pass the principal and turn errors into error pages."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

import structlog
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.http import require_POST

from accounts.auth.form_nonce import refused, submit_once
from accounts.auth.htmx import is_htmx
from accounts.auth.impersonation import Access, impersonation, is_marked
from accounts.auth.page_team import (
    find_team_of_page,
    is_of_other_team,
    other_team_response,
    page_principal,
)
from accounts.auth.principals import Principal, principal_for_session
from accounts.roles import Scope
from common.errors import Conflict, Forbidden, LimitExceeded, NotFound

P = ParamSpec("P")
PageView = Callable[Concatenate[HttpRequest, Principal, P], HttpResponseBase]
ActionView = Callable[Concatenate[HttpRequest, Principal, P], HttpResponseBase]


def team_member_required(scope: Scope | None = None) -> Callable[[PageView[P]], Callable[..., HttpResponseBase]]:
    """Decorate a view for signed-in members. The view gets their Principal, which has `scope`.

    A request from a page of another team than the current one is refused, and a form is submitted once.
    Other visitors are redirected to the login page. Forbidden becomes the 403 page, NotFound the 404 page.
    An impersonating administrator may read the page, unless the view is marked otherwise.
    """

    def decorate(view: PageView[P]) -> Callable[..., HttpResponseBase]:
        def view_with_scope(
            request: HttpRequest, principal: Principal, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if scope is not None:
                principal.require(scope)
            return view(request, principal, *args, **kwargs)

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            principal = principal_for_session(request)
            if principal is None:
                return _redirect_to_login(request)
            try:
                principal = page_principal(request, principal)
                structlog.contextvars.bind_contextvars(team=principal.team.pk)
                if is_of_other_team(request, principal):
                    return other_team_response(request, principal)
                respond = partial(view_with_scope, request, principal, *args, **kwargs)
                response = submit_once(request, principal.user.pk, respond)
            except Forbidden as error:
                raise PermissionDenied(error.message) from error
            except NotFound as error:
                team = find_team_of_page(
                    request, principal, lambda member: view_with_scope(request, member, *args, **kwargs)
                )
                if team is None:
                    raise Http404(error.message) from error
                response = render(request, "teams/in_other_team.html", {"page_team": team}, status=404)
            # Pages of a team must not stay in the cache of a proxy or a shared computer.
            response.headers.setdefault("Cache-Control", "no-store, private")
            return response

        return page if is_marked(page) else impersonation(Access.READ)(page)

    return decorate


def team_action(back_to: str) -> Callable[[ActionView[P]], Callable[..., HttpResponseBase]]:
    """Decorate a POST view for signed-in members. Conflict and LimitExceeded redirect to `back_to` with the message."""

    def decorate(view: ActionView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def action(request: HttpRequest, principal: Principal, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return view(request, principal, *args, **kwargs)
            except (Conflict, LimitExceeded) as error:
                messages.error(request, error.localized())
                return refused(redirect(back_to))

        return require_POST(team_member_required()(action))

    return decorate


def _redirect_to_login(request: HttpRequest) -> HttpResponseBase:
    if not is_htmx(request):
        return redirect_to_login(request.get_full_path())
    # htmx would follow a redirect and insert the login page into a part of this page.
    try:
        came_from = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
    except ValueError:  # such as "http://["
        came_from = "/"
    response = HttpResponse(status=204)
    response["HX-Redirect"] = f"{resolve_url('account_login')}?{urlencode({'next': came_from})}"
    return response
