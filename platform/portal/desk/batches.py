"""Batches: what came together, and where it stands; canceled."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jobs.batches.models import Batch, BatchItem
from jobs.batches.services import cancel_batch
from portal.desk.base import DeskAdmin
from portal.desk.columns import fact, label, link
from portal.desk.deeds import Deed

_COLOURS = {"in_progress": "primary", "completed": "success", "canceled": "warning"}


def _cancel(_request: HttpRequest, batch: Batch) -> bool:
    if batch.is_over:
        return False
    cancel_batch(batch=batch)
    return True


@admin.register(Batch)
class BatchAdmin(DeskAdmin):
    ordering = ["-id"]
    list_display = ["called", "named", "whose", "where", "total", "made", "ended"]
    list_filter = ["state", "created_at"]
    list_select_related = ["team"]
    fieldsets = [
        (None, {"fields": [("called", "named", "where"), ("whose", "person", "key")]}),
        (
            _("Where it stands"),
            {"fields": [("total", "made", "ended"), ("taking", "calls", "wish"), ("strictness", "address")]},
        ),
    ]
    deeds = (
        Deed(
            name="cancel",
            label=_("Cancel batch"),
            explanation=_("Cancels each of its videos that is not closed. Nothing is charged for those."),
            permission="jobs.change_job",
            icon="cancel",
            dangerous=True,
            fits=lambda batch: not batch.is_over,
            do=_cancel,
        ),
    )

    called = fact("public_id", _("Batch id"), ordering="id")
    named = fact("name", _("Name"))
    whose = link("team", _("Team"))
    person = link("user", _("Person"))
    key = link("api_key", _("API key"))
    where = label("state", _("State"), _COLOURS)
    total = fact("total", _("Requests"))
    made = fact("created_at", _("Submitted"), ordering="id")
    ended = fact("finished_at", _("Ended"))
    taking = fact("taking_until", _("Being taken until"))
    calls = fact("takes", _("Calls that took requests"))
    wish = fact("cancel_requested_at", _("Cancel asked for"))
    strictness = fact("on_error", _("On an error"))
    address = fact("webhook_url", _("Webhook"))


@admin.register(BatchItem)
class BatchItemAdmin(DeskAdmin):
    ordering = ["-id"]
    list_display = ["place", "batch_link", "whose", "video", "client_name"]
    list_select_related = ["team", "batch", "job"]
    fieldsets = [(None, {"fields": [("place", "client_name"), ("batch_link", "video", "whose"), "said"]})]

    place = fact("index", _("Place"))
    batch_link = link("batch", _("In batch"))
    whose = link("team", _("Team"))
    video = link("job", _("Video"))
    client_name = fact("custom_id", _("The client's name for it"))
    said = fact("error", _("Error"))
