"""Resolves the base URL and the API key: first from arguments, then from the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

import httpx

from mutoscope.errors import ConfigurationError

_KEY_PATTERN = re.compile(r"[!-~]+")
_DEFAULT_URL = "http://localhost:8000"
# The SDK of OpenAI expects this suffix, so a base URL may have it here too.
_API_PREFIX = "/v1"


@dataclass(frozen=True)
class Options:
    base_url: str
    api_key: str = field(repr=False)


def resolve_options(base_url: str | None = None, api_key: str | None = None) -> Options:
    """Returns the options. Raises ConfigurationError if the key is missing, or the key or the URL is malformed."""
    url = (
        (base_url or os.environ.get("MUTOSCOPE_BASE_URL") or _DEFAULT_URL).strip().rstrip("/").removesuffix(_API_PREFIX)
    )
    key = (api_key or os.environ.get("MUTOSCOPE_API_KEY") or "").strip()
    if not key:
        raise ConfigurationError(
            "No API key. Create one on the page API keys of your server and set MUTOSCOPE_API_KEY."
        )
    # Checked here because the message of httpx would show the key.
    if not _KEY_PATTERN.fullmatch(key):
        raise ConfigurationError("The API key contains invalid characters. Copy it again.")
    if not _is_http_url(url):
        raise ConfigurationError(f"{url!r} is not a server URL. Use a URL such as https://video.example.com.")
    return Options(url, key)


def _is_http_url(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)
