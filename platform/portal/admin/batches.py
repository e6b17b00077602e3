"""Batches and their items: their requests and progress; an action cancels a batch."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from jobs.batches.models import Batch, BatchItem
from jobs.batches.services import cancel_batch
from portal.admin.actions import AdminAction
from portal.admin.base import BaseAdmin

_STATE_COLORS = {"in_progress": "primary", "completed": "success", "canceled": "warning"}


def _cancel(_request: HttpRequest, batch: Batch) -> bool:
    if batch.is_finished:
        return False
    cancel_batch(batch=batch)
    return True


@admin.register(Batch)
class BatchAdmin(BaseAdmin):
    ordering = ["-id"]
    ordering_fields = {"created_at": "id"}
    link_fields = ("team", "user", "api_key")
    badge_fields = {"state": _STATE_COLORS}
    list_display = ["public_id", "name", "team_link", "state_badge", "total", "created_at", "finished_at"]
    list_filter = ["state", "created_at"]
    list_select_related = ["team"]
    fieldsets = [
        (None, {"fields": [("public_id", "name", "state_badge"), ("team_link", "user_link", "api_key_link")]}),
        (
            _("Progress"),
            {
                "fields": [
                    ("total", "created_at", "finished_at"),
                    ("intake_lease_until", "intake_attempt", "cancel_requested_at"),
                    ("on_error", "webhook_url"),
                ]
            },
        ),
    ]
    admin_actions = (
        AdminAction(
            name="cancel",
            label=_("Cancel batch"),
            explanation=_("Cancels each unfinished video of the batch. No credits are charged for these videos."),
            permission="jobs.change_job",
            icon="cancel",
            is_destructive=True,
            applies_to=lambda batch: not batch.is_finished,
            handler=_cancel,
        ),
    )

    @display(description=_("Batch ID"), ordering="id")
    def public_id(self, batch: Batch) -> str:
        return batch.public_id


@admin.register(BatchItem)
class BatchItemAdmin(BaseAdmin):
    ordering = ["-id"]
    link_fields = ("batch", "team", "job")
    list_display = ["index", "batch_link", "team_link", "job_link", "custom_id"]
    list_select_related = ["team", "batch", "job"]
    fieldsets = [(None, {"fields": [("index", "custom_id"), ("batch_link", "job_link", "team_link"), "error"]})]
