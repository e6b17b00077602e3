"""API keys: their team, limits and last use; an action revokes them. Never shows secrets or hashes."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.keys.services import revoke_api_key
from accounts.models import ApiKey
from portal.admin.actions import AdminAction
from portal.admin.base import BaseAdmin, EstimatedPaginator
from portal.admin.columns import badge

_STATE_COLORS = {"live": "success", "expired": "warning", "revoked": "danger"}
_STATE_LABELS = {"live": _("Active"), "expired": _("Expired"), "revoked": _("Revoked")}


class ApiKeyStateMixin:
    """Adds the column `state_badge`: `ApiKey.state` is a property and has no labels of its own."""

    @display(description=_("State"))
    def state_badge(self, key: ApiKey) -> SafeString:
        return badge(str(_STATE_LABELS[key.state]), _STATE_COLORS[key.state])


@admin.register(ApiKey)
class ApiKeyAdmin(ApiKeyStateMixin, BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    search_fields = ["name", "prefix", "team__name", "creator__email"]
    link_fields = ("team", "creator")
    list_display = ["name", "prefix", "team_link", "creator_link", "state_badge", "last_used_at", "expires_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "expires_at", "last_used_at"]
    list_select_related = ["team", "creator"]
    fields = [
        ("name", "prefix", "state_badge"),
        ("team_link", "creator_link", "created_at"),
        ("scope_list", "network_list"),
        ("last_used_at", "last_used_ip"),
        ("expires_at", "revoked_at"),
        ("credits_per_month", "videos_per_day", "requests_per_minute"),
    ]
    admin_actions = (
        AdminAction(
            name="ban",
            label=_("Ban key"),
            explanation=_("Its next request is rejected. A revoked key cannot be restored."),
            permission="accounts.change_apikey",
            icon="block",
            is_destructive=True,
            applies_to=lambda key: key.revoked_at is None,
            handler=lambda _request, key: revoke_api_key(key=key),
        ),
    )

    @display(description=_("Scopes"))
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description=_("Allowed networks"))
    def network_list(self, key: ApiKey) -> str:
        return ", ".join(key.allowed_networks)
