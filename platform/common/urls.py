"""Absolute URLs, for responses and for webhooks, which answer no request."""

from django.http import HttpRequest
from rest_framework.request import Request

# The request that is answered, or the site's URL where there is none.
Origin = Request | HttpRequest | str


def absolute_url(origin: Origin, path: str) -> str:
    return f"{origin.rstrip('/')}{path}" if isinstance(origin, str) else origin.build_absolute_uri(path)
