"""Context processor for the team's credits and the warnings about them."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.auth.principals import principal_for_session
from accounts.quota.banners import CreditBanner, WalletSummary, wallet_summary

# Session key of the warnings that the person dismissed.
DISMISSED = "dismissed_banners"


def wallet(request: HttpRequest) -> dict[str, Any]:
    """Add `wallet`, the team's credits, and `banners`, the warnings about them. One query, if a template uses them."""
    cached: list[WalletSummary] = []

    def load() -> WalletSummary | None:
        principal = principal_for_session(request)
        if not cached and principal is not None:
            cached.append(wallet_summary(principal))
        return cached[0] if cached else None

    def banners() -> list[CreditBanner]:
        summary = load()
        dismissed = request.session.get(DISMISSED, [])
        return [banner for banner in summary.banners if banner.key not in dismissed] if summary else []

    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"wallet": None, "banners": []}
    return {"wallet": SimpleLazyObject(load), "banners": SimpleLazyObject(banners)}
