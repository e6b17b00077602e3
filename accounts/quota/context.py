"""The credits, and the warnings about them, for every page's template."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.principals import principal_for_session
from accounts.quota.notices import Notice, Purse, purse_of

# In the session: the warnings that the person has put aside.
PUT_ASIDE = "put_aside"


def purse(request: HttpRequest) -> dict[str, Any]:
    """`purse`: the team's credits; `notices`: what is to be said about them. One query, where a template asks."""
    known: list[Purse] = []

    def look() -> Purse | None:
        principal = principal_for_session(request)
        if not known and principal is not None:
            known.append(purse_of(principal))
        return known[0] if known else None

    def notices() -> list[Notice]:
        found = look()
        aside = request.session.get(PUT_ASIDE, [])
        return [notice for notice in found.notices if notice.key not in aside] if found else []

    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"purse": None, "notices": []}
    return {"purse": SimpleLazyObject(look), "notices": SimpleLazyObject(notices)}
