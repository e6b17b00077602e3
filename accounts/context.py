"""What every page's template may know about who is looking."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.principals import principal_for_session


def team(request: HttpRequest) -> dict[str, Any]:
    """`principal`: the signed-in user in the present team, or None. Costs its query only where a template asks."""
    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"principal": None}
    return {"principal": SimpleLazyObject(lambda: principal_for_session(request))}
