"""What every page's template may know from the desk."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.admin.announcements import announcements_for


def announcements(request: HttpRequest) -> dict[str, Any]:
    """`announcements`: those that this reader has not dismissed; looked up only where a template asks."""
    if not hasattr(request, "session"):
        return {}
    return {"announcements": SimpleLazyObject(lambda: announcements_for(request))}
