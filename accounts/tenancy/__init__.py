"""The tenant context of running code: the team whose rows are visible, and the actor for the audit log.

The context is a context variable, so that it follows a request through threads and coroutines. The database backend
(`accounts.tenancy.postgres`) applies it to the connection before each statement, whichever connection is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

# Session key of the administrator's id while impersonating a user.
IMPERSONATOR = "impersonator"


@dataclass(frozen=True)
class TenantContext:
    """Team and actor. Row policies apply only with a team (not to sign-in, commands and workers), unless `unscoped`."""

    request: HttpRequest | None = None
    team_id: int | None = None
    user_id: int | None = None
    api_key_id: int | None = None
    unscoped: bool = False

    @property
    def scoped_team_id(self) -> int | None:
        return None if self.unscoped else self.team_id

    def audit_facts(self) -> dict[str, Any]:
        """Return actor and origin for the audit log, as far as known; empty without a request."""
        if self.request is None:
            return {}
        client_ip = getattr(self.request, "client_ip", "unknown")
        facts = {
            "user": self.user_id or _session_user_id(self.request),
            "api_key": self.api_key_id,
            "impersonator": _impersonator_id(self.request),
            "ip": None if client_ip == "unknown" else client_ip,
            "request_id": getattr(self.request, "request_id", None),
        }
        return {name: value for name, value in facts.items() if value is not None}


_NO_CONTEXT = TenantContext()
_context: ContextVar[TenantContext] = ContextVar("tenant_context", default=_NO_CONTEXT)


def current() -> TenantContext:
    """Return the context of the running code."""
    return _context.get()


def bind_request(request: HttpRequest) -> None:
    """Start the context of a request. Discards what an earlier request left in this thread."""
    _context.set(TenantContext(request=request))


def activate(*, team_id: int, user_id: int | None = None, api_key_id: int | None = None) -> None:
    """Make only this team's rows visible from now on. Without a user: a visitor with a share link."""
    _context.set(replace(current(), team_id=team_id, user_id=user_id, api_key_id=api_key_id))


def deactivate(**_: object) -> None:
    """Receive `request_finished`: the request is finished, including streamed content."""
    _context.set(_NO_CONTEXT)


@contextmanager
def unscoped() -> Iterator[None]:
    """Disable the row policies for code that needs several teams; each use has a comment why. Also a decorator."""
    before = current().unscoped
    _context.set(replace(current(), unscoped=True))
    try:
        yield
    finally:
        _context.set(replace(current(), unscoped=before))


def _session_user_id(request: HttpRequest) -> int | None:
    """Return the session's user id, if already loaded: loading it here would run a query within a query."""
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty:
        return None
    user_id: int | None = getattr(user, "pk", None)
    return user_id


def _impersonator_id(request: HttpRequest) -> int | None:
    session = getattr(request, "session", None)
    if session is None or not hasattr(session, "_session_cache"):  # not loaded yet
        return None
    impersonator_id: int | None = session.get(IMPERSONATOR)
    return impersonator_id
