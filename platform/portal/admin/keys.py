"""API keys: whose, what for, when last used; banned by a click. Neither secret nor hash is ever shown."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.keys.services import revoke_api_key
from accounts.models import ApiKey
from portal.admin.actions import AdminAction
from portal.admin.base import BaseAdmin, EstimatedPaginator
from portal.admin.columns import field_column, label_column, link_column

_STATE_COLOURS = {"live": "success", "expired": "warning", "revoked": "danger"}
_STATE_LABELS = {"live": _("Works"), "expired": _("Expired"), "revoked": _("Revoked")}


@admin.register(ApiKey)
class ApiKeyAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    search_fields = ["name", "prefix", "team__name", "creator__email"]
    list_display = ["called", "starts_with", "whose", "maker", "standing", "used", "ends"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "expires_at", "last_used_at"]
    list_select_related = ["team", "creator"]
    fields = [
        ("called", "starts_with", "standing"),
        ("whose", "maker", "made"),
        ("may", "networks"),
        ("used", "used_from"),
        ("ends", "revoked"),
        ("credits", "videos", "calls"),
    ]
    admin_actions = (
        AdminAction(
            name="ban",
            label=_("Ban key"),
            explanation=_("Its next call is refused. A revoked key never works again."),
            permission="accounts.change_apikey",
            icon="block",
            is_destructive=True,
            applies_to=lambda key: key.revoked_at is None,
            handler=lambda _request, key: revoke_api_key(key=key),
        ),
    )

    called = field_column("name", _("Name"))
    starts_with = field_column("prefix", _("Starts with"))
    whose = link_column("team", _("Team"))
    maker = link_column("creator", _("Made by"))
    made = field_column("created_at", _("Since"))
    used = field_column("last_used_at", _("Last used"))
    used_from = field_column("last_used_ip", _("Last used from"))
    ends = field_column("expires_at", _("Expires"))
    revoked = field_column("revoked_at", _("Revoked"))
    credits = field_column("credits_per_month", _("Credits a month"))
    videos = field_column("videos_per_day", _("Videos a day"))
    calls = field_column("requests_per_minute", _("Requests a minute"))
    standing = label_column("state", _("State"), _STATE_COLOURS, labels=_STATE_LABELS, ordering=None)

    @display(description=_("Scopes"))
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description=_("From addresses"))
    def network_list(self, key: ApiKey) -> str:
        return ", ".join(key.allowed_networks)
