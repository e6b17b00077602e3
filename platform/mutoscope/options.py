"""Where a client finds its portal and its key: arguments, then the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

import httpx

from mutoscope.errors import ConfigurationError

_KEY_PATTERN = re.compile(r"[!-~]+")
_DEFAULT_URL = "http://localhost:8000"
# The address as OpenAI's SDK wants it.
_API_PREFIX = "/v1"


@dataclass(frozen=True)
class Options:
    base_url: str
    api_key: str = field(repr=False)


def resolve_options(base_url: str | None = None, api_key: str | None = None) -> Options:
    """Raises ConfigurationError without a key, and for a key or an address that cannot be one."""
    url = (
        (base_url or os.environ.get("MUTOSCOPE_BASE_URL") or _DEFAULT_URL).strip().rstrip("/").removesuffix(_API_PREFIX)
    )
    key = (api_key or os.environ.get("MUTOSCOPE_API_KEY") or "").strip()
    if not key:
        raise ConfigurationError("No API key. Make one on the portal's page API keys and set MUTOSCOPE_API_KEY.")
    # Found here and not by httpx, whose message would show the key.
    if not _KEY_PATTERN.fullmatch(key):
        raise ConfigurationError("The API key holds characters that no key has. Copy it again.")
    if not _is_http_url(url):
        raise ConfigurationError(f"{url!r} is no address of a server. Write it like https://video.example.com.")
    return Options(url, key)


def _is_http_url(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)
