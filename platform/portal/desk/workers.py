"""Workers: what each is, what it does, and draining it."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from jobs.models import Worker
from jobs.services.workers import drain_worker, forget_worker, resume_worker
from portal.desk.base import DeskAdmin
from portal.desk.columns import ago, fact, label
from portal.desk.deeds import Deed
from portal.desk.words import COLOURS, WORDS


def _forget(_request: object, worker: Worker) -> bool:
    forget_worker(worker=worker)
    return True


@admin.register(Worker)
class WorkerAdmin(DeskAdmin):
    ordering = ["pool", "name"]
    search_fields = ["name", "device_name"]
    list_display = ["called", "lane", "serves", "standing", "machine", "memory", "made", "beat"]
    list_filter = ["pool", "state", "model"]
    fields = [
        ("called", "lane", "serves"),
        ("standing", "trouble"),
        ("device", "device_title", "memory"),
        ("made", "release", "began"),
        ("beat", "asked"),
    ]
    deeds = (
        Deed(
            name="drain",
            label=_("Drain"),
            explanation=_("It finishes what it holds and claims nothing more. It stays up, its model loaded."),
            permission="jobs.change_worker",
            icon="water_drop",
            fits=lambda worker: worker.drain_requested_at is None,
            do=lambda _request, worker: drain_worker(worker=worker),
        ),
        Deed(
            name="resume",
            label=_("Resume"),
            explanation=_("It claims again with its next beat."),
            permission="jobs.change_worker",
            icon="play_arrow",
            fits=lambda worker: worker.drain_requested_at is not None,
            do=lambda _request, worker: resume_worker(worker=worker),
        ),
        Deed(
            name="forget",
            label=_("Forget"),
            explanation=_("Takes the row of a worker that is gone off the list. One that lives writes it again."),
            permission="jobs.change_worker",
            icon="delete",
            dangerous=True,
            do=_forget,
            leads_to="/admin/jobs/worker/",
        ),
    )

    called = fact("name", _("Worker"))
    lane = fact("pool", _("Pool"))
    serves = fact("model", _("Model"))
    trouble = fact("trouble", _("Trouble"))
    device = fact("device", _("Device"))
    device_title = fact("device_name", _("Device name"))
    made = fact("jobs_done", _("Videos made"))
    release = fact("version", _("Version"))
    began = fact("started_at", _("Started"))
    standing = label("state", _("State"), COLOURS, words=WORDS)
    asked = fact("drain_requested_at", _("Drain asked for"))

    @display(description=_("Device"), ordering="device_name")
    def machine(self, worker: Worker) -> str:
        return worker.device_name or worker.device

    @display(description=_("Memory in use"))
    def memory(self, worker: Worker) -> str | None:
        if not worker.vram_total_mb:
            return None
        used = worker.vram_total_mb - worker.vram_free_mb
        return f"{used / 1024:.1f} / {worker.vram_total_mb / 1024:.1f} GB"

    @display(description=_("Last beat"), ordering="last_beat_at")
    def beat(self, worker: Worker) -> str | None:
        return ago(worker.last_beat_at)
