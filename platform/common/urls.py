"""Absolute URLs, for responses and for webhooks, which have no request; and paths for logs."""

from django.http import HttpRequest
from rest_framework.request import Request

# Parameters that open something to anyone who has them: invitations, share links, new passwords.
_SECRET_PARAMETERS = {"secret", "token", "uidb36"}
# The request, or the site's URL if there is no request.
Origin = Request | HttpRequest | str


def absolute_url(origin: Origin, path: str) -> str:
    """Return the absolute URL of a path of this site."""
    return f"{origin.rstrip('/')}{path}" if isinstance(origin, str) else origin.build_absolute_uri(path)


def loggable_path(request: HttpRequest) -> str:
    """Return the path, without the secret that some URLs contain, such as those of invitations."""
    match = request.resolver_match
    is_secret = match is not None and not _SECRET_PARAMETERS.isdisjoint(match.kwargs)
    return f"/{match.route}" if match and is_secret else request.path
