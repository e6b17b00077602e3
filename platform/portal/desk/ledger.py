"""The ledger: every movement of credits, to read."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.quota.models import LedgerEntry
from common.ids import public_id
from portal.desk.base import DeskAdmin, EstimatedPaginator
from portal.desk.columns import fact, label, link

_KINDS = {"grant": "success", "adjust": "warning", "reserve": "info", "settle": "primary", "release": "info"}


@admin.register(LedgerEntry)
class LedgerEntryAdmin(DeskAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    search_fields = ["reason", "team__name"]
    list_display = ["when", "whose", "what", "free", "promised", "why", "by", "video"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["team", "actor"]
    fields = ["when", "whose", "what", "free", "promised", "why", "by", "video", "month"]

    when = fact("created_at", _("When"), ordering="id")
    whose = link("team", _("Team"))
    what = label("kind", _("Kind"), _KINDS)
    free = fact("balance_delta", _("Free credits"))
    promised = fact("reserved_delta", _("Promised credits"))
    why = fact("reason", _("Reason"))
    by = link("actor", _("By"))
    month = fact("period", _("For the month"))

    @display(description=_("Video"))
    def video(self, entry: LedgerEntry) -> str | None:
        return public_id("vid", entry.job_id) if entry.job_id else None
