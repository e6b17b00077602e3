"""The credits, and the warnings about them, for every page's template."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.auth.principals import principal_for_session
from accounts.quota.banners import CreditBanner, WalletSummary, wallet_summary

# In the session: the warnings that the person has put aside.
DISMISSED = "put_aside"


def wallet(request: HttpRequest) -> dict[str, Any]:
    """`wallet`: the team's credits; `banners`: what is to be said about them. One query, where a template asks."""
    known: list[WalletSummary] = []

    def load() -> WalletSummary | None:
        principal = principal_for_session(request)
        if not known and principal is not None:
            known.append(wallet_summary(principal))
        return known[0] if known else None

    def banners() -> list[CreditBanner]:
        found = load()
        dismissed = request.session.get(DISMISSED, [])
        return [banner for banner in found.banners if banner.key not in dismissed] if found else []

    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"wallet": None, "banners": []}
    return {"wallet": SimpleLazyObject(load), "banners": SimpleLazyObject(banners)}
