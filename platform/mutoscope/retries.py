"""When a call is sent again, and after which pause."""

from __future__ import annotations

import random

import httpx

from mutoscope.api_requests import RequestSpec
from mutoscope.errors import parse_retry_after

# 408 and 425: the server says itself that nothing was done. 429 and 503 come with a time to wait.
_RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_INITIAL_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.5, 30.0


def retry_delay(
    spec: RequestSpec, outcome: httpx.Response | httpx.TransportError, *, attempts: int, max_retries: int
) -> float | None:
    """Seconds to wait before the next try, or None when this outcome is final.

    A quota that is used up does not fill while one waits: it is final, whatever the server says of the time.
    """
    if attempts > max_retries or not spec.retryable:
        return None
    backoff = backoff_delay(attempts)
    if isinstance(outcome, httpx.TransportError):
        return backoff
    if outcome.status_code not in _RETRYABLE_STATUSES or _is_quota_exceeded(outcome):
        return None
    retry_after = parse_retry_after(outcome)
    if retry_after is None:
        return backoff
    return retry_after + backoff if retry_after <= _MAX_BACKOFF_SECONDS else None


def backoff_delay(attempts: int) -> float:
    """Full jitter (M. Brooker: Exponential Backoff and Jitter, 2015): who failed together does not return together."""
    return random.uniform(0, min(_MAX_BACKOFF_SECONDS, _INITIAL_BACKOFF_SECONDS * 2**attempts))  # noqa: S311


def _is_quota_exceeded(response: httpx.Response) -> bool:
    try:
        return bool(response.json()["error"]["code"] == "quota_exceeded")
    except (ValueError, KeyError, TypeError):
        return False
