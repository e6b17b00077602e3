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
        for name, value in window_headers(windows).items():
            before = view.headers.get(name)
            view.headers[name] = f"{before}, {value}" if before else value


def window_headers(windows: Sequence[Window]) -> dict[str, str]:
    """Where the caller stands with each limit."""
    if not windows:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{w.scope}";q={w.amount};w={w.seconds}' for w in windows),
        "RateLimit": ", ".join(f'"{w.scope}";r={w.remaining};t={w.reset}' for w in windows),
    }


def limits_of(principal: Principal) -> list[Limit]:
    """Calls a minute of the team, and of the key where there is one."""
    key = principal.api_key
    return rates(
        team_id=principal.team.pk,
        team_rate=principal.requests_per_minute,
        key_id=None if key is None else key.pk,
        key_rate=None if key is None else key.requests_per_minute,
    )


def rates(*, team_id: int, team_rate: int | None, key_id: int | None, key_rate: int | None) -> list[Limit]:
    """Those that are set. In calls a minute."""
    found = [("team", team_id, team_rate), ("key", key_id, key_rate)]
    return [Limit(scope, str(caller), f"{most}/minute") for scope, caller, most in found if most is not None]
