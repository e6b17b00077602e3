"""Where a client finds its portal and its key: arguments, then the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from mutoscope.errors import MutoscopeError

_DEFAULT_URL = "http://localhost:8000"


@dataclass(frozen=True)
class Options:
    base_url: str
    api_key: str = field(repr=False)


def options(base_url: str | None = None, api_key: str | None = None) -> Options:
    """Raises MutoscopeError without a key."""
    url = base_url or os.environ.get("MUTOSCOPE_URL") or _DEFAULT_URL
    key = api_key or os.environ.get("MUTOSCOPE_API_KEY")
    if not key:
        raise MutoscopeError("No API key. Make one on the portal's page API keys and set MUTOSCOPE_API_KEY.")
    return Options(url.rstrip("/"), key)
