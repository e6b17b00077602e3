"""What a view allows while an administrator impersonates a user. A view without a mark allows nothing.

So a new view, or one of another package, shows no secret before somebody has decided that it has none. Views of
`team_member_required` are readable unless they are marked otherwise. `portal.admin.impersonation` applies the marks.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from django.http import HttpRequest
from django.utils.encoding import escape_uri_path

from accounts.audit.models import Verb
from accounts.audit.services import record
from accounts.models import User
from common.errors import Forbidden
from common.masking import mask_secrets

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MARK = "impersonation_access"
_MAX_PATH_LENGTH = 500  # in the audit log

View = TypeVar("View", bound=Callable[..., Any])


class Access(Enum):
    """What an impersonating administrator may do with a view."""

    # Nothing: it shows or changes credentials, links with a secret, or files with many people's data.
    NONE = "none"
    # Only requests with a safe method: these show no secret and change nothing.
    READ = "read"
    # All requests. Those with another method are recorded.
    WRITE = "write"
    # As READ. A request with another method ends the impersonation first, and is one of the administrator.
    END = "end"


class ImpersonationDenied(Forbidden):
    default_code = "impersonation_denied"


def impersonation(access: Access) -> Callable[[View], View]:
    """Decorate a view, a function or a class, with what it allows while its user is impersonated."""

    def mark(view: View) -> View:
        setattr(view, _MARK, access)
        return view

    return mark


def is_marked(view: Callable[..., Any]) -> bool:
    return hasattr(view, _MARK)


def access_of(view: Callable[..., Any]) -> Access:
    """Return what a view allows, also if it is the function of a marked class (`as_view`)."""
    access: Access | None = getattr(view, _MARK, None) or getattr(getattr(view, "view_class", None), _MARK, None)
    return access or Access.NONE


def impersonator_of(request: HttpRequest) -> User | None:
    """Return the administrator who impersonates the user of this request, or None."""
    impersonator: User | None = getattr(request, "impersonator", None)
    return impersonator


def deny(request: HttpRequest) -> ImpersonationDenied:
    """Record that a request of an impersonating administrator is denied, and return its error."""
    _record(Verb.IMPERSONATION_DENIED, request)
    return ImpersonationDenied(
        "This is not available while you impersonate a user. Stop the impersonation first, with the button at the top "
        "of every page or with POST /desk/stop-viewing."
    )


def record_act(request: HttpRequest, **options: Any) -> None:
    """Record a request of an impersonating administrator that may change something. options: those of `record`."""
    _record(Verb.IMPERSONATION_ACT, request, **options)


def _record(verb: Verb, request: HttpRequest, **options: Any) -> None:
    # Escaped: PostgreSQL stores no NUL.
    path = escape_uri_path(mask_secrets(request.path))[:_MAX_PATH_LENGTH]
    record(verb, actor=request.user, method=request.method, path=path, **options)  # type: ignore[arg-type]
