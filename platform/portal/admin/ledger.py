"""The ledger: every movement of credits, to read."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.quota.models import LedgerEntry
from common.ids import public_id
from portal.admin.base import BaseAdmin, EstimatedPaginator
from portal.admin.columns import field_column, label_column, link_column

_KIND_COLOURS = {"grant": "success", "adjust": "warning", "reserve": "info", "settle": "primary", "release": "info"}


@admin.register(LedgerEntry)
class LedgerEntryAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    search_fields = ["reason", "team__name"]
    list_display = ["when", "whose", "what", "free", "promised", "why", "by", "video"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["team", "actor"]
    fields = ["when", "whose", "what", "free", "promised", "why", "by", "video", "month"]

    when = field_column("created_at", _("When"), ordering="id")
    whose = link_column("team", _("Team"))
    what = label_column("kind", _("Kind"), _KIND_COLOURS)
    free = field_column("balance_delta", _("Free credits"))
    promised = field_column("reserved_delta", _("Reserved credits"))
    why = field_column("reason", _("Reason"))
    by = link_column("actor", _("By"))
    month = field_column("period", _("For the month"))

    @display(description=_("Video"))
    def video(self, entry: LedgerEntry) -> str | None:
        return public_id("vid", entry.job_id) if entry.job_id else None
