"""Rate limits, counted in Redis: exact under concurrency, because one script checks all limits of a request and counts.

If Redis is unreachable, requests pass: credits and the queue still bound what a team can do, and an outage of the
counter should not be an outage of the product. No request waits longer than REDIS_TIMEOUT_SECONDS for Redis, and for
a moment after a failure no request asks it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from limits import parse
from redis.commands.core import Script

from common.errors import LimitExceeded
from common.redis_client import redis_client, try_redis

# A sliding window: one list of request times for each limit, newest first, on the server's clock. A request that one
# limit refuses counts against none. Returns (requests in the window, seconds until the oldest leaves it) per limit.
_HIT_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local allowed = 1
for i, key in ipairs(KEYS) do
    local limit, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local oldest = redis.call('LINDEX', key, -1)
    while oldest and tonumber(oldest) <= now - window do
        redis.call('RPOP', key)
        oldest = redis.call('LINDEX', key, -1)
    end
    if redis.call('LLEN', key) >= limit then allowed = 0 end
end
local found = {allowed}
for i, key in ipairs(KEYS) do
    local window = tonumber(ARGV[2 * i])
    if allowed == 1 then
        redis.call('LPUSH', key, string.format('%.6f', now))
        redis.call('EXPIRE', key, window)
    end
    local oldest = redis.call('LINDEX', key, -1)
    found[2 * i] = redis.call('LLEN', key)
    found[2 * i + 1] = tostring(oldest and tonumber(oldest) + window - now or window)
end
return found
"""


@dataclass(frozen=True)
class Limit:
    """A limit of `rate`, such as "10/minute", for one caller. `scope` says to the client whose limit it is."""

    scope: str
    caller: str
    rate: str


@dataclass(frozen=True)
class Window:
    """State of a limit: `amount` requests in `seconds`; `reset`: seconds until the oldest request leaves the window."""

    scope: str
    amount: int
    seconds: int
    remaining: int
    reset: int


class RateLimitExceeded(LimitExceeded):
    """Carries the state of each limit; `full`: the one that allows requests last."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self.windows = windows
        full = max((window for window in windows if not window.remaining), key=lambda window: window.reset)
        self.full = full
        super().__init__(
            "Too many requests: the limit is %(limit)s in %(seconds)s s. Try again in %(reset)s s.",
            {"limit": full.amount, "seconds": full.seconds, "reset": full.reset},
            extra={"scope": full.scope, "limit": full.amount, "remaining": 0, "reset": full.reset},
            retry_after_seconds=full.reset,
        )


def hit(limits: Sequence[Limit]) -> list[Window]:
    """Count one request against all limits; return their state, or an empty list if Redis is unreachable.

    If one limit is reached, nothing is counted and RateLimitExceeded is raised.
    """
    if not limits:
        return []
    items = [_parsed(limit.rate) for limit in limits]
    keys = [f"rate:{item.key_for(limit.scope, limit.caller)}" for item, limit in zip(items, limits, strict=True)]
    sizes = [size for item in items for size in (item.amount, item.get_expiry())]
    reply = try_redis("rate_limit_skipped", lambda: _script()(keys, sizes))
    if reply is None:
        return []
    allowed, *found = reply
    windows = [
        Window(limit.scope, item.amount, item.get_expiry(), max(0, item.amount - used), max(1, math.ceil(float(reset))))
        for limit, item, used, reset in zip(limits, items, found[::2], found[1::2], strict=True)
    ]
    if not allowed:
        raise RateLimitExceeded(windows)
    return windows


def rate_limit_headers(windows: Sequence[Window]) -> dict[str, str]:
    """Return the headers with the policy and the remaining requests of each limit."""
    if not windows:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{w.scope}";q={w.amount};w={w.seconds}' for w in windows),
        "RateLimit": ", ".join(f'"{w.scope}";r={w.remaining};t={w.reset}' for w in windows),
    }


_parsed = lru_cache(maxsize=1000)(parse)


@cache
def _script() -> Script:
    script: Script = redis_client().register_script(_HIT_SCRIPT)
    return script
