"""API keys: whose, what for, when last used; banned by a click. Neither secret nor hash is ever shown."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import ApiKey
from accounts.services import revoke_api_key
from portal.desk.base import DeskAdmin, EstimatedPaginator
from portal.desk.columns import fact, label, link
from portal.desk.deeds import Deed

_COLOURS = {"live": "success", "expired": "warning", "revoked": "danger"}
_WORDS = {"live": _("Works"), "expired": _("Expired"), "revoked": _("Revoked")}


@admin.register(ApiKey)
class ApiKeyAdmin(DeskAdmin):
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
    deeds = (
        Deed(
            name="ban",
            label=_("Ban key"),
            explanation=_("Its next call is refused. A revoked key never works again."),
            permission="accounts.change_apikey",
            icon="block",
            dangerous=True,
            fits=lambda key: key.revoked_at is None,
            do=lambda _request, key: revoke_api_key(key=key),
        ),
    )

    called = fact("name", _("Name"))
    starts_with = fact("prefix", _("Starts with"))
    whose = link("team", _("Team"))
    maker = link("creator", _("Made by"))
    made = fact("created_at", _("Since"))
    used = fact("last_used_at", _("Last used"))
    used_from = fact("last_used_ip", _("Last used from"))
    ends = fact("expires_at", _("Expires"))
    revoked = fact("revoked_at", _("Revoked"))
    credits = fact("credits_per_month", _("Credits a month"))
    videos = fact("videos_per_day", _("Videos a day"))
    calls = fact("requests_per_minute", _("Requests a minute"))
    standing = label("state", _("State"), _COLOURS, words=_WORDS, ordering=None)

    @display(description=_("Scopes"))
    def may(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description=_("From addresses"))
    def networks(self, key: ApiKey) -> str:
        return ", ".join(key.allowed_networks)
