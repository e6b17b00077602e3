"""Context processors for the templates of every page."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.admin.announcements import announcements_for


def announcements(request: HttpRequest) -> dict[str, Any]:
    """`announcements`: those that this reader has not dismissed. Read only if a template uses them."""
    if not hasattr(request, "session"):
        return {}
    return {"announcements": SimpleLazyObject(lambda: announcements_for(request))}
