"""Impersonation: who may use the portal as another person, for how long, and which pages are forbidden meanwhile.

The session remains the administrator's own. While it names an unfinished Impersonation, the middleware sets
`request.user` to the person and `request.impersonator` to the administrator. Therefore an impersonation ends with the
administrator's session, password or staff status, and does not change anybody's last login.
"""

from functools import partial

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import tenancy
from accounts.audit.models import Verb
from accounts.audit.services import record
from accounts.models import User
from common.errors import Conflict
from common.middleware import Step, SyncAndAsyncMiddleware
from portal.admin.models import Impersonation

log = structlog.get_logger(__name__)

_SESSION_KEY = "impersonation"
_TEAM_KEY, _OWN_TEAM_KEY = "team", "impersonator_team"
# Pages about passwords, second factors, sessions, API keys and webhook secrets: viewing them already shows or changes
# credentials of the person. Transferring, deleting and leaving a team, its members and their roles are the person's
# own decisions.
_FORBIDDEN_PREFIXES = (
    "/account",
    "/admin/",
    "/api-keys",
    "/webhooks",
    "/v1/webhooks",
    "/team/hand-over",
    "/team/close",
    "/team/leave",
    "/team/invitations",
    "/team/members",
    "/team/keep",
    "/join/",
)
# These pages show no secrets. Only the person may change what they show.
_READ_ONLY_PATHS = ("/api-keys", "/team")
_ALLOWED_PREFIXES = ("/accounts/logout/",)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def can_be_impersonated(person: User) -> bool:
    return person.is_active and not person.is_staff and not person.is_superuser


def start_impersonation(request: HttpRequest, person: User, *, reason: str) -> bool:
    """Make the session act as the person from the next request. Raise Conflict for staff."""
    if not can_be_impersonated(person):
        raise Conflict("Staff and deactivated accounts cannot be impersonated.", code="not_viewable")
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


def end_impersonation(request: HttpRequest) -> bool:
    """Make the session act as the administrator again. Return False if it did not impersonate anybody."""
    key = request.session.pop(_SESSION_KEY, None)
    if key is None:
        return False
    own_team = request.session.pop(_OWN_TEAM_KEY, None)
    request.session.pop(_TEAM_KEY, None)
    if own_team is not None:
        request.session[_TEAM_KEY] = own_team
    request.session.pop(tenancy.IMPERSONATOR, None)
    request.session.cycle_key()
    if Impersonation.objects.filter(pk=key, ended_at=None).update(ended_at=timezone.now()):
        impersonation = Impersonation.objects.select_related("administrator", "person").get(pk=key)
        record(Verb.IMPERSONATION_ENDED, actor=impersonation.administrator, target=impersonation.person)
    log.info("impersonation_ended", impersonation=key)
    return True


def _client_ip(request: HttpRequest) -> str | None:
    client_ip: str = request.client_ip  # type: ignore[attr-defined]
    return None if client_ip == "unknown" else client_ip


class ImpersonationMiddleware(SyncAndAsyncMiddleware):
    """Applies the impersonation of a session. Has to follow the authentication middleware."""

    def before(self, request: HttpRequest) -> Step | None:
        request.impersonator = None  # type: ignore[attr-defined]
        if request.headers.get("Authorization") or request.headers.get("X-API-Key"):
            return None  # requests with an API key ignore cookies
        if request.path.startswith(settings.UNLOGGED_PATHS):
            return None  # health checks need no user, and work while the database of the sessions is unreachable
        return partial(_impersonate, request)


def _impersonate(request: HttpRequest) -> HttpResponseBase | None:
    """Set `request.user` to the person. Return a response if the page is forbidden or the impersonation has ended."""
    key = request.session.get(_SESSION_KEY)
    if key is None:
        return None
    administrator = request.user
    impersonation = (
        Impersonation.objects.select_related("person").filter(pk=key, administrator_id=administrator.pk).first()
    )
    person = impersonation.person if impersonation is not None and not impersonation.is_finished else None
    if person is None or not can_be_impersonated(person) or not _may_impersonate(administrator):
        end_impersonation(request)
        messages.info(request, _("Impersonation ended: it expired, or it is no longer allowed."))
        return redirect("admin:index" if request.method in _SAFE_METHODS else request.path)

    async def auser() -> User:
        return person

    request.user = person
    request.auser = auser
    request.impersonator = administrator  # type: ignore[attr-defined]
    structlog.contextvars.bind_contextvars(impersonator=administrator.pk)
    return _forbidden_response(request)


def _may_impersonate(administrator: object) -> bool:
    return (
        isinstance(administrator, User) and administrator.is_staff and administrator.has_perm("desk.add_impersonation")
    )


def _forbidden_response(request: HttpRequest) -> HttpResponse | None:
    if request.path in _READ_ONLY_PATHS:
        is_forbidden = request.method not in _SAFE_METHODS
    else:
        is_forbidden = request.path.startswith(_FORBIDDEN_PREFIXES) and not request.path.startswith(_ALLOWED_PREFIXES)
    if not is_forbidden:
        return None
    return render(request, "admin/impersonation_forbidden.html", status=403)
