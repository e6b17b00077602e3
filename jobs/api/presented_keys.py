"""API keys as requests present them: which headers contain a key, and which keys recently exceeded a limit.

The guards in front of Django use both, so this module loads no model.
"""

import dataclasses
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

from common.ratelimit import RateLimitExceeded

# The schemes that third-party SDKs send with a key, accepted only under the paths for them.
_AUTH_SCHEMES_BY_PREFIX = {"/replicate/": {"bearer", "token"}, "/fal/": {"bearer", "key"}}
_PER_MINUTE_SCOPES = {"team", "key"}


def presented_key(headers: Mapping[str, str], path: str) -> str | None:
    """Return the API key in the headers of a request, or None. Their names are in lower case or case-insensitive."""
    if key := headers.get("x-api-key"):
        return key.strip()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    accepted = next(
        (schemes for prefix, schemes in _AUTH_SCHEMES_BY_PREFIX.items() if path.startswith(prefix)), {"bearer"}
    )
    return token.strip() if scheme.lower() in accepted else None


class RecentRefusals:
    """Remembers which API keys exceeded a limit per minute, so that refusing them again needs neither query nor thread.

    Otherwise one key could occupy a process with requests that are refused. Each process has its own memory; a limit
    that was raised applies after MAX_SECONDS at the latest.
    """

    MAX_SECONDS, MAX_KEYS = 5, 10_000

    def __init__(self) -> None:
        self._refusals: OrderedDict[bytes, tuple[float, RateLimitExceeded]] = OrderedDict()
        self._lock = Lock()

    def add(self, key: str, error: RateLimitExceeded) -> None:
        """Remember the error of a request with this key."""
        if error.full.scope not in _PER_MINUTE_SCOPES:  # other requests of the key may be allowed
            return
        with self._lock:
            self._refusals[_digest(key)] = (time.monotonic(), error)
            if len(self._refusals) > self.MAX_KEYS:
                self._refusals.popitem(last=False)

    def find(self, key: str) -> RateLimitExceeded | None:
        """Return the error for a request with this key, None if it may be allowed."""
        if not self._refusals:
            return None
        with self._lock:
            digest = _digest(key)
            refused_at, error = self._refusals.get(digest, (0.0, None))
            if error is None:
                return None
            seconds = time.monotonic() - refused_at
            if seconds >= min(error.full.reset, self.MAX_SECONDS):
                del self._refusals[digest]
                return None
        elapsed = math.floor(seconds)
        return RateLimitExceeded(
            [dataclasses.replace(window, reset=max(1, window.reset - elapsed)) for window in error.windows]
        )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


recent_refusals = RecentRefusals()
