"""Decides whether and when a request is retried."""

from __future__ import annotations

import random

import httpx

from mutoscope.api_requests import RequestSpec
from mutoscope.errors import parse_retry_after

# With 408 and 425 the server has done nothing yet. 429 and 503 usually have a Retry-After header.
_RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_INITIAL_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.5, 30.0


def retry_delay(
    spec: RequestSpec, outcome: httpx.Response | httpx.TransportError, *, attempts: int, max_retries: int
) -> float | None:
    """Returns the seconds until the next attempt, or None if this outcome is final.

    A used-up quota is final even with a Retry-After header: it is not refilled within the retries.
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
    """Returns seconds with full jitter, so that clients that failed together do not retry together.

    See M. Brooker: Exponential Backoff and Jitter, 2015.
    """
    return random.uniform(0, min(_MAX_BACKOFF_SECONDS, _INITIAL_BACKOFF_SECONDS * 2**attempts))  # noqa: S311


def _is_quota_exceeded(response: httpx.Response) -> bool:
    try:
        return bool(response.json()["error"]["code"] == "quota_exceeded")
    except (ValueError, KeyError, TypeError):
        return False
