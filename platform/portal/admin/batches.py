"""Batches: what came together, and where it stands; canceled."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jobs.batches.models import Batch, BatchItem
from jobs.batches.services import cancel_batch
from portal.admin.actions import AdminAction
from portal.admin.base import BaseAdmin
from portal.admin.columns import field_column, label_column, link_column

_STATE_COLOURS = {"in_progress": "primary", "completed": "success", "canceled": "warning"}


def _cancel(_request: HttpRequest, batch: Batch) -> bool:
    if batch.is_finished:
        return False
    cancel_batch(batch=batch)
    return True


@admin.register(Batch)
class BatchAdmin(BaseAdmin):
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
    admin_actions = (
        AdminAction(
            name="cancel",
            label=_("Cancel batch"),
            explanation=_("Cancels each of its videos that is not closed. Nothing is charged for those."),
            permission="jobs.change_job",
            icon="cancel",
            is_destructive=True,
            applies_to=lambda batch: not batch.is_finished,
            handler=_cancel,
        ),
    )

    called = field_column("public_id", _("Batch id"), ordering="id")
    named = field_column("name", _("Name"))
    whose = link_column("team", _("Team"))
    person = link_column("user", _("Person"))
    key = link_column("api_key", _("API key"))
    where = label_column("state", _("State"), _STATE_COLOURS)
    total = field_column("total", _("Requests"))
    made = field_column("created_at", _("Submitted"), ordering="id")
    ended = field_column("finished_at", _("Ended"))
    taking = field_column("intake_lease_until", _("Intake lease until"))
    calls = field_column("intake_attempt", _("Intake calls"))
    wish = field_column("cancel_requested_at", _("Cancellation requested"))
    strictness = field_column("on_error", _("On an error"))
    address = field_column("webhook_url", _("Webhook"))


@admin.register(BatchItem)
class BatchItemAdmin(BaseAdmin):
    ordering = ["-id"]
    list_display = ["place", "batch_link", "whose", "video", "client_name"]
    list_select_related = ["team", "batch", "job"]
    fieldsets = [(None, {"fields": [("place", "client_name"), ("batch_link", "video", "whose"), "said"]})]

    place = field_column("index", _("Place"))
    batch_link = link_column("batch", _("In batch"))
    whose = link_column("team", _("Team"))
    video = link_column("job", _("Video"))
    client_name = field_column("custom_id", _("The client's name for it"))
    said = field_column("error", _("Error"))
