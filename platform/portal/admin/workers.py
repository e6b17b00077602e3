"""Workers: what each is, what it does, and draining it."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from jobs.models import Worker
from jobs.queue.workers import delete_worker, drain_worker, resume_worker
from portal.admin.actions import AdminAction
from portal.admin.base import BaseAdmin
from portal.admin.columns import field_column, label_column, time_ago
from portal.admin.worker_states import STATE_COLOURS, STATE_LABELS


def _forget(_request: object, worker: Worker) -> bool:
    delete_worker(worker=worker)
    return True


@admin.register(Worker)
class WorkerAdmin(BaseAdmin):
    ordering = ["pool", "name"]
    search_fields = ["name", "device_name"]
    list_display = ["called", "lane", "serves", "standing", "device_display", "vram_usage", "made", "last_heartbeat"]
    list_filter = ["pool", "state", "model"]
    fields = [
        ("called", "lane", "serves"),
        ("standing", "last_error"),
        ("device", "device_title", "vram_usage"),
        ("made", "release", "began"),
        ("last_heartbeat", "asked"),
    ]
    admin_actions = (
        AdminAction(
            name="drain",
            label=_("Drain"),
            explanation=_("It finishes what it holds and claims nothing more. It stays up, its model loaded."),
            permission="jobs.change_worker",
            icon="water_drop",
            applies_to=lambda worker: worker.drain_requested_at is None,
            handler=lambda _request, worker: drain_worker(worker=worker),
        ),
        AdminAction(
            name="resume",
            label=_("Resume"),
            explanation=_("It claims again with its next beat."),
            permission="jobs.change_worker",
            icon="play_arrow",
            applies_to=lambda worker: worker.drain_requested_at is not None,
            handler=lambda _request, worker: resume_worker(worker=worker),
        ),
        AdminAction(
            name="forget",
            label=_("Forget"),
            explanation=_("Takes the row of a worker that is gone off the list. One that lives writes it again."),
            permission="jobs.change_worker",
            icon="delete",
            is_destructive=True,
            handler=_forget,
            success_url="/admin/jobs/worker/",
        ),
    )

    called = field_column("name", _("Worker"))
    lane = field_column("pool", _("Pool"))
    serves = field_column("model", _("Model"))
    last_error = field_column("last_error", _("Last error"))
    device = field_column("device", _("Device"))
    device_title = field_column("device_name", _("Device name"))
    made = field_column("jobs_done", _("Videos made"))
    release = field_column("version", _("Version"))
    began = field_column("started_at", _("Started"))
    standing = label_column("state", _("State"), STATE_COLOURS, labels=STATE_LABELS)
    asked = field_column("drain_requested_at", _("Drain requested"))

    @display(description=_("Device"), ordering="device_name")
    def device_display(self, worker: Worker) -> str:
        return worker.device_name or worker.device

    @display(description=_("Memory in use"))
    def vram_usage(self, worker: Worker) -> str | None:
        if not worker.vram_total_mb:
            return None
        used = worker.vram_total_mb - worker.vram_free_mb
        return f"{used / 1024:.1f} / {worker.vram_total_mb / 1024:.1f} GB"

    @display(description=_("Last beat"), ordering="last_heartbeat_at")
    def last_heartbeat(self, worker: Worker) -> str | None:
        return time_ago(worker.last_heartbeat_at)
