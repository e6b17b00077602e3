"""For whom this code runs: the team behind whose wall the database has to be, and the one whose deeds are recorded.

A request's standing is a context variable: it follows the request through threads and coroutines. The database backend
(`accounts.tenancy.postgres`) brings a connection to the standing before each statement, so that none runs for anybody
else, whichever connection it gets.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

# In the session of an administrator who acts as somebody else: the administrator's id.
IMPERSONATOR = "impersonator"


@dataclass(frozen=True)
class TenantContext:
    """Without a team there is no wall: sign-in, commands, workers. `outside` lifts it for a look across teams."""

    request: HttpRequest | None = None
    team_id: int | None = None
    user_id: int | None = None
    api_key_id: int | None = None
    unscoped: bool = False

    @property
    def scoped_team_id(self) -> int | None:
        return None if self.unscoped else self.team_id

    def audit_facts(self) -> dict[str, Any]:
        """Who acts, and from where, as far as it is known: for the audit log. Nothing where no request is."""
        if self.request is None:
            return {}
        address = getattr(self.request, "client_ip", "unknown")
        known = {
            "user": self.user_id or _session_user_id(self.request),
            "api_key": self.api_key_id,
            "impersonator": _impersonator_id(self.request),
            "ip": None if address == "unknown" else address,
            "request_id": getattr(self.request, "request_id", None),
        }
        return {name: value for name, value in known.items() if value is not None}


_NO_CONTEXT = TenantContext()
_context: ContextVar[TenantContext] = ContextVar("standing", default=_NO_CONTEXT)


def current() -> TenantContext:
    """That of the running code."""
    return _context.get()


def bind_request(request: HttpRequest) -> None:
    """A request begins: whatever an earlier one left in this thread is forgotten."""
    _context.set(TenantContext(request=request))


def activate(*, team_id: int, user_id: int | None = None, api_key_id: int | None = None) -> None:
    """From here on the database shows this team's rows alone. Without a user for a stranger with a link."""
    _context.set(replace(current(), team_id=team_id, user_id=user_id, api_key_id=api_key_id))


def deactivate(**_: object) -> None:
    """Receives `request_finished`: the request is over, its streamed content included."""
    _context.set(_NO_CONTEXT)


@contextmanager
def unscoped() -> Iterator[None]:
    """Lifts the wall for what must look across teams; each use says why. Also a decorator."""
    before = current().unscoped
    _context.set(replace(current(), unscoped=True))
    try:
        yield
    finally:
        _context.set(replace(current(), unscoped=before))


def _session_user_id(request: HttpRequest) -> int | None:
    """The session's user where the request has found them already: asking here would be a query in a query."""
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty:
        return None
    found: int | None = getattr(user, "pk", None)
    return found


def _impersonator_id(request: HttpRequest) -> int | None:
    session = getattr(request, "session", None)
    if session is None or not hasattr(session, "_session_cache"):  # not read from the database yet
        return None
    found: int | None = session.get(IMPERSONATOR)
    return found
