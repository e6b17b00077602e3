"""Absolute URLs, for responses and for webhooks, which have no request."""

from django.http import HttpRequest
from rest_framework.request import Request

# The request, or the site's URL if there is no request.
Origin = Request | HttpRequest | str


def absolute_url(origin: Origin, path: str) -> str:
    """Return the absolute URL of a path of this site."""
    return f"{origin.rstrip('/')}{path}" if isinstance(origin, str) else origin.build_absolute_uri(path)
