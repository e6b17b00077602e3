"""When a call is sent again, and after which pause."""

from __future__ import annotations

import random

import httpx

from mutoscope.calls import Call
from mutoscope.errors import retry_after_of

# 408 and 425: the server says itself that nothing was done. 429 and 503 come with a time to wait.
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0


def pause_after(call: Call, outcome: httpx.Response | httpx.TransportError, *, tries: int, most: int) -> float | None:
    """Seconds to wait before the next try, or None when this outcome is final.

    A quota that is used up does not fill while one waits: it is final, whatever the server says of the time.
    """
    if tries > most or not call.repeatable:
        return None
    grown = growing_pause(tries)
    if isinstance(outcome, httpx.TransportError):
        return grown
    if outcome.status_code not in _AGAIN or _is_used_up(outcome):
        return None
    asked = retry_after_of(outcome)
    if asked is None:
        return grown
    return asked + grown if asked <= _LONGEST_PAUSE_SECONDS else None


def growing_pause(tries: int) -> float:
    """Full jitter (M. Brooker: Exponential Backoff and Jitter, 2015): who failed together does not return together."""
    return random.uniform(0, min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**tries))  # noqa: S311


def _is_used_up(response: httpx.Response) -> bool:
    try:
        return bool(response.json()["error"]["code"] == "quota_exceeded")
    except (ValueError, KeyError, TypeError):
        return False
