"""Throttle requests by team and API key, and report the limits in the RateLimit headers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accounts.auth.principals import Principal
from common.ratelimit import Limit, RateLimitExceeded, Window, hit, rate_limit_headers

if TYPE_CHECKING:  # the framework loads this module while it defines APIView
    from rest_framework.views import APIView


def throttle(view: "APIView", limits: Sequence[Limit]) -> None:
    """Count a request and set the headers of the IETF draft, also for errors. Raise RateLimitExceeded."""
    windows: Sequence[Window] = ()
    try:
        windows = hit(limits)
    except RateLimitExceeded as error:
        windows = error.windows
        raise
    finally:
        for name, value in rate_limit_headers(windows).items():
            earlier = view.headers.get(name)
            view.headers[name] = f"{earlier}, {value}" if earlier else value


def principal_limits(principal: Principal) -> list[Limit]:
    """Return the limits per minute of the team and, if there is one, of the API key."""
    key = principal.api_key
    return per_minute_limits(
        team_id=principal.team.pk,
        team_requests_per_minute=principal.requests_per_minute,
        key_id=None if key is None else key.pk,
        key_requests_per_minute=None if key is None else key.requests_per_minute,
    )


def per_minute_limits(
    *, team_id: int, team_requests_per_minute: int | None, key_id: int | None, key_requests_per_minute: int | None
) -> list[Limit]:
    """Return the limits that are set, in requests per minute."""
    rates = [("team", team_id, team_requests_per_minute), ("key", key_id, key_requests_per_minute)]
    return [Limit(scope, str(caller), f"{rate}/minute") for scope, caller, rate in rates if rate is not None]
