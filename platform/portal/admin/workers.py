"""Workers: their device, state and heartbeat; actions drain, resume and remove them."""

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from jobs.models import Worker
from jobs.queue.workers import delete_worker, drain_worker, resume_worker
from portal.admin.actions import AdminAction
from portal.admin.base import BaseAdmin
from portal.admin.columns import time_ago
from portal.admin.worker_states import STATE_COLORS, describe_models


def _delete(_request: object, worker: Worker) -> bool:
    delete_worker(worker=worker)
    return True


@admin.register(Worker)
class WorkerAdmin(BaseAdmin):
    ordering = ["pool", "name"]
    search_fields = ["name", "device_name"]
    badge_fields = {"state": STATE_COLORS}
    list_display = [
        "name", "pool", "models_display", "state_badge", "device_display", "vram_usage", "upstream_server", "jobs_done",
        "last_heartbeat",
    ]  # fmt: skip
    list_filter = ["pool", "state", "model"]
    fields = [
        ("name", "pool", "models_display"),
        ("state_badge", "translated_last_error", "translated_load_errors"),
        ("device", "device_name", "vram_usage"),
        ("weights_display",),
        ("upstream_server", "concurrency"),
        ("jobs_done", "version", "started_at"),
        ("last_heartbeat", "drain_requested_at"),
    ]
    admin_actions = (
        AdminAction(
            name="drain",
            label=_("Drain"),
            explanation=_("The worker finishes its current video and claims no more. It keeps running with its model."),
            permission="jobs.change_worker",
            icon="water_drop",
            applies_to=lambda worker: worker.drain_requested_at is None,
            handler=lambda _request, worker: drain_worker(worker=worker),
        ),
        AdminAction(
            name="resume",
            label=_("Resume"),
            explanation=_("The worker claims videos again from its next heartbeat."),
            permission="jobs.change_worker",
            icon="play_arrow",
            applies_to=lambda worker: worker.drain_requested_at is not None,
            handler=lambda _request, worker: resume_worker(worker=worker),
        ),
        AdminAction(
            name="forget",
            label=_("Remove"),
            explanation=_("Removes a dead worker from the list. Stop a live worker first: it would register again."),
            permission="jobs.change_worker",
            icon="delete",
            is_destructive=True,
            handler=_delete,
            success_url="/admin/jobs/worker/",
        ),
    )

    @display(description=_("Models"))
    def models_display(self, worker: Worker) -> str:
        return describe_models(worker)

    @display(description=_("Models that could not be loaded"))
    def translated_load_errors(self, worker: Worker) -> str:
        return "\n".join(f"{name}: {error.localized()}" for name, error in worker.load_errors.items())

    @display(description=_("Device"), ordering="device_name")
    def device_display(self, worker: Worker) -> str:
        return worker.device_name or worker.device

    @display(description=_("Weights on this machine"))
    def weights_display(self, worker: Worker) -> str | None:
        lines = [
            (weights["source"], weights["commit"][:12], filesizeformat(weights["size_bytes"]))
            for weights in worker.installed_weights
        ]
        return format_html_join(mark_safe("<br>"), "{} ({}, {})", lines) if lines else None

    @display(description=_("Last error"))
    def translated_last_error(self, worker: Worker) -> str:
        return worker.last_error_message.localized()

    @display(description=_("GPU memory in use"))
    def vram_usage(self, worker: Worker) -> str | None:
        if not worker.vram_total_mb:
            return None
        used = worker.vram_total_mb - worker.vram_free_mb
        return f"{used / 1024:.1f} / {worker.vram_total_mb / 1024:.1f} GB"

    @display(description=_("Upstream server"))
    def upstream_server(self, worker: Worker) -> str | None:
        if worker.server_is_available is None:
            return None
        texts = {True: _("available, last change %(time)s"), False: _("unavailable, last change %(time)s")}
        parts = [texts[worker.server_is_available] % {"time": time_ago(worker.server_changed_at)}]
        if worker.server_waiting_seconds is not None:
            parts.append(_("%(seconds)s s in its queue") % {"seconds": round(worker.server_waiting_seconds)})
        return "; ".join(parts)

    @display(description=_("Last heartbeat"), ordering="last_heartbeat_at")
    def last_heartbeat(self, worker: Worker) -> str | None:
        return time_ago(worker.last_heartbeat_at)
