"""Who calls: an API key in a header, or a browser's session. A request with a key never reads cookies."""

import structlog
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.request import Request

from accounts.auth.principals import Principal, principal_for_key, principal_for_session
from accounts.models import User
from common.errors import Unauthenticated

# The words that the SDKs of others write before a key, at their own addresses alone.
_AUTH_SCHEMES_BY_PREFIX = {"/replicate/": {"bearer", "token"}, "/fal/": {"bearer", "key"}}


def presented_key(request: HttpRequest) -> str | None:
    """The API key of a request's headers, or None where there is none."""
    if key := request.headers.get("X-API-Key"):
        return key.strip()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = next(
        (schemes for prefix, schemes in _AUTH_SCHEMES_BY_PREFIX.items() if request.path.startswith(prefix)), {"bearer"}
    )
    return token.strip() if scheme.lower() in known else None


def _bind(principal: Principal) -> tuple[User, Principal]:
    structlog.contextvars.bind_contextvars(team=principal.team.pk)
    return principal.user, principal


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer mts_…` or `X-API-Key: mts_…`; `request.auth` becomes the Principal."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        key = presented_key(request._request)
        if key is None:
            return None
        return _bind(principal_for_key(key, client_ip=request._request.client_ip))  # type: ignore[attr-defined]

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionAuthentication(DrfSessionAuthentication):
    """The signed-in browser, with CSRF protection; `request.auth` becomes the Principal."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        principal = principal_for_session(request._request)
        if principal is None:
            return None
        self.enforce_csrf(request)
        return _bind(principal)


def principal_of(request: Request) -> Principal:
    """The caller. Raises Unauthenticated where nobody is known."""
    if not isinstance(request.auth, Principal):
        raise Unauthenticated("Send an API key: Authorization: Bearer mts_…")
    return request.auth
