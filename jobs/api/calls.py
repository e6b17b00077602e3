"""Counts the calls of /v1 against the limits of team and key, and says in the headers where the caller stands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accounts.principals import Principal
from common.ratelimit import Limit, RateLimited, Window, hit

if TYPE_CHECKING:  # the framework loads this module while it defines APIView
    from rest_framework.views import APIView


def count_call(view: "APIView", limits: Sequence[Limit]) -> None:
    """Raises RateLimited. Every answer of the view, refusals included, gets the headers of the IETF draft."""
    windows: Sequence[Window] = ()
    try:
        windows = hit(limits)
    except RateLimited as error:
        windows = error.windows
        raise
    finally:
        for window in windows:
            _append(view, "RateLimit-Policy", f'"{window.scope}";q={window.amount};w={window.seconds}')
            _append(view, "RateLimit", f'"{window.scope}";r={window.remaining};t={window.reset}')


def limits_of(principal: Principal) -> list[Limit]:
    """Calls a minute of the team, and of the key where there is one."""
    team, key = principal.team, principal.api_key
    found = [("team", team.pk, principal.requests_per_minute)]
    if key is not None:
        found.append(("key", key.pk, key.requests_per_minute))
    return [Limit(scope, str(caller), f"{most}/minute") for scope, caller, most in found if most is not None]


def _append(view: "APIView", name: str, item: str) -> None:
    before = view.headers.get(name)
    view.headers[name] = f"{before}, {item}" if before else item
