"""Impersonation: who may use the portal as another person, and for how long. Views say what is allowed meanwhile.

The session remains the administrator's own. While it names an unfinished Impersonation, the middleware sets
`request.user` to the person and `request.impersonator` to the administrator, and denies what a view's mark
(`accounts.auth.impersonation`) does not allow. Therefore an impersonation ends with the administrator's session,
password or staff status, and does not change anybody's last login.
"""

from functools import partial

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import tenancy
from accounts.audit.models import Verb
from accounts.audit.services import record
from accounts.auth.htmx import is_htmx
from accounts.auth.impersonation import SAFE_METHODS, Access, access_of, deny, record_act
from accounts.auth.principals import principal_for_session
from accounts.auth.second_factor import has_second_factor
from accounts.models import User
from common.errors import Conflict, Forbidden
from common.middleware import Step, SyncAndAsyncMiddleware
from jobs.api.errors import json_error
from jobs.api.presented_keys import presented_key
from portal.admin.models import Impersonation
from portal.web.error_handlers import is_api, wants_json

log = structlog.get_logger(__name__)

_CSRF = CsrfViewMiddleware(lambda _request: HttpResponse())
_SESSION_KEY = "impersonation"
_TEAM_KEY, _OWN_TEAM_KEY = "team", "impersonator_team"


def can_be_impersonated(person: User) -> bool:
    return person.is_active and not person.is_staff and not person.is_superuser


def start_impersonation(request: HttpRequest, person: User, *, reason: str) -> bool:
    """Make the session act as the person from the next request. Raise Conflict for staff."""
    if not can_be_impersonated(person):
        raise Conflict("Staff and deactivated accounts cannot be impersonated.", code="not_viewable")
    # An administrator impersonates one person at a time. The session of an earlier impersonation may have been lost.
    for earlier in Impersonation.objects.filter(administrator_id=request.user.pk, ended_at=None):
        _record_end(earlier.pk)
    impersonation = Impersonation.objects.create(
        administrator=request.user,  # type: ignore[misc] # staff alone get here
        person=person,
        reason=reason,
        client_ip=_client_ip(request),
    )
    request.session.cycle_key()
    request.session[_OWN_TEAM_KEY] = request.session.pop(_TEAM_KEY, None)
    request.session[_SESSION_KEY] = impersonation.pk
    request.session[tenancy.IMPERSONATOR] = impersonation.administrator_id
    record(Verb.IMPERSONATION_BEGAN, actor=impersonation.administrator, target=person, reason=reason)
    log.info(
        "impersonation_began",
        administrator=impersonation.administrator_id,
        person=person.pk,
        impersonation=impersonation.pk,
    )
    return True


def _client_ip(request: HttpRequest) -> str | None:
    client_ip: str = request.client_ip  # type: ignore[attr-defined]
    return None if client_ip == "unknown" else client_ip


def _end_impersonation(request: HttpRequest, key: int) -> None:
    """Make the session act as the administrator again."""
    request.session.pop(_SESSION_KEY, None)
    request.session.pop(tenancy.IMPERSONATOR, None)
    request.session.pop(_TEAM_KEY, None)
    own_team = request.session.pop(_OWN_TEAM_KEY, None)
    if own_team is not None:
        request.session[_TEAM_KEY] = own_team
    request.session.cycle_key()
    _record_end(key)


def _record_end(key: int) -> None:
    if Impersonation.objects.filter(pk=key, ended_at=None).update(ended_at=timezone.now()):
        impersonation = Impersonation.objects.select_related("administrator", "person").get(pk=key)
        record(Verb.IMPERSONATION_ENDED, actor=impersonation.administrator, target=impersonation.person)
        log.info("impersonation_ended", impersonation=key)


class ImpersonationMiddleware(SyncAndAsyncMiddleware):
    """Applies the impersonation of a session. Has to follow the middleware for authentication and for htmx."""

    def before(self, request: HttpRequest) -> Step | None:
        request.impersonator = None  # type: ignore[attr-defined]
        if is_api(request) and presented_key(request.headers, request.path) is not None:
            return None  # requests with an API key ignore cookies
        if request.path.startswith(settings.UNLOGGED_PATHS):
            return None  # health checks need no user, and work while the database of the sessions is unreachable
        return partial(_impersonate, request)


def _impersonate(request: HttpRequest) -> HttpResponseBase | None:
    """Set `request.user` to the person. Return a response if the request is denied or the impersonation has ended."""
    # Read before `request.user`, which empties the session if the password was changed.
    key = request.session.get(_SESSION_KEY)
    if key is None:
        return None
    administrator = request.user
    impersonation = (
        Impersonation.objects.select_related("person").filter(pk=key, administrator_id=administrator.pk).first()
    )
    person = impersonation.person if impersonation is not None and not impersonation.is_finished else None
    if person is None or not can_be_impersonated(person) or not _may_impersonate(administrator):
        _end_impersonation(request, key)
        return _ended_response(request)
    access, is_safe = _access(request), request.method in SAFE_METHODS
    if not is_safe and (refusal := _csrf_refusal(request)):
        return refusal
    if access is Access.END and not is_safe:
        _end_impersonation(request, key)
        messages.success(request, _("Impersonation ended."))
        return None
    _set_user(request, person, impersonator=administrator)
    if access is Access.NONE or (access is not Access.WRITE and not is_safe):
        return _denied_response(request)
    if not is_safe:
        principal = principal_for_session(request)
        record_act(request, team=principal.team if principal else None)
    return None


def _may_impersonate(administrator: object) -> bool:
    return (
        isinstance(administrator, User)
        and administrator.is_staff
        and administrator.has_perm("desk.add_impersonation")
        and has_second_factor(administrator)
    )


def _access(request: HttpRequest) -> Access:
    """Return what the view of this URL allows. A URL without a view may be read: it shows the 404 page."""
    try:
        request.resolver_match = resolve(request.path_info)
    except Resolver404:
        return Access.READ
    return access_of(request.resolver_match.func)


def _csrf_refusal(request: HttpRequest) -> HttpResponseBase | None:
    """Return the response to a forged request. Django itself would check it only after this middleware has acted."""
    match = request.resolver_match
    if match is None:
        return None
    refusal: HttpResponseBase | None = _CSRF.process_view(request, match.func, match.args, match.kwargs)
    return refusal


def _set_user(request: HttpRequest, person: User, *, impersonator: object) -> None:
    async def auser() -> User:
        return person

    request.user = person
    request.auser = auser
    request.impersonator = impersonator  # type: ignore[attr-defined]
    structlog.contextvars.bind_contextvars(impersonator=impersonator.pk)  # type: ignore[attr-defined]


def _denied_response(request: HttpRequest) -> HttpResponse:
    error = deny(request)
    if wants_json(request):
        return json_error(request, error)
    if is_htmx(request):  # it would show no page with this status
        messages.error(request, error.localized())
        return HttpResponse(status=error.status, headers={"HX-Refresh": "true"})
    return render(request, "admin/impersonation_forbidden.html", {"error": error}, status=error.status)


def _ended_response(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        ended = Forbidden("The impersonation has ended. Repeat the request as yourself.", code="impersonation_ended")
        return json_error(request, ended)
    messages.info(request, _("Impersonation ended: it expired, or it is no longer allowed."))
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": reverse("admin:index")})
    return redirect("admin:index" if request.method in SAFE_METHODS else request.path)
