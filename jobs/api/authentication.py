"""Authentication by an API key in a header or by a session. A request with a key ignores cookies."""

import structlog
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.request import Request

from accounts.auth.principals import Principal, principal_for_key, principal_for_session
from accounts.models import User
from common.errors import Unauthenticated
from jobs.api.presented_keys import presented_key


def _bind(principal: Principal) -> tuple[User, Principal]:
    structlog.contextvars.bind_contextvars(team=principal.team.pk)
    return principal.user, principal


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticate by `Authorization: Bearer mts_…` or `X-API-Key: mts_…`. `request.auth` is the Principal."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        key = presented_key(request.headers, request.path)
        if key is None:
            return None
        return _bind(principal_for_key(key, client_ip=request._request.client_ip))  # type: ignore[attr-defined]

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionAuthentication(DrfSessionAuthentication):
    """Authenticate by the session, with CSRF protection. `request.auth` is the Principal."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        principal = principal_for_session(request._request)
        if principal is None:
            return None
        self.enforce_csrf(request)
        return _bind(principal)


def principal_of(request: Request) -> Principal:
    """Return the principal of a request. Raise Unauthenticated if there is none."""
    if not isinstance(request.auth, Principal):
        raise Unauthenticated("Send an API key: Authorization: Bearer mts_…")
    return request.auth
