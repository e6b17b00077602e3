"""The ledger: every movement of credits. Read-only."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.quota.models import LedgerEntry
from common.ids import public_id
from portal.admin.base import BaseAdmin, EstimatedPaginator

_KIND_COLORS = {"grant": "success", "adjust": "warning", "reserve": "info", "settle": "primary", "release": "info"}


@admin.register(LedgerEntry)
class LedgerEntryAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    ordering_fields = {"created_at": "id"}
    search_fields = ["reason", "team__name"]
    link_fields = ("team", "actor")
    badge_fields = {"kind": _KIND_COLORS}
    list_display = [
        "created_at", "team_link", "kind_badge", "balance_delta", "reserved_delta", "reason", "actor_link",
        "public_job_id",
    ]  # fmt: skip
    list_filter = ["kind", "created_at"]
    list_select_related = ["team", "actor"]
    fields = [*list_display, "period"]

    @display(description=_("Video"))
    def public_job_id(self, entry: LedgerEntry) -> str | None:
        return public_id("vid", entry.job_id) if entry.job_id else None
