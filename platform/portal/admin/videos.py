"""Videos: what was asked for, where it stands; canceled, tried again, moved in the line."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from common.errors import NotFound
from common.ids import parse_public_id
from jobs.models import Job, MetricCounter, Priority
from jobs.queue.cancel import cancel_job
from jobs.queue.priority import set_priority
from jobs.queue.retry import retry_job
from jobs.states import ACTIVE, State
from portal.admin.actions import AdminAction
from portal.admin.base import BaseAdmin, EstimatedPaginator
from portal.admin.columns import field_column, label_column, link_column

_STATE_COLOURS = {
    "queued": "info",
    "in_progress": "primary",
    "completed": "success",
    "failed": "danger",
    "canceled": "warning",
    "expired": "warning",
}


class SetPriorityForm(forms.Form):
    priority = forms.TypedChoiceField(
        label=_("Priority"),
        choices=[(Priority.LOW, _("low")), (Priority.NORMAL, _("normal")), (Priority.HIGH, _("high"))],
        coerce=lambda number: Priority(int(number)),
        initial=Priority.NORMAL,
        widget=UnfoldAdminSelectWidget,
    )


def _cancel(_request: HttpRequest, job: Job) -> bool:
    if job.is_finished:
        return False
    cancel_job(job=job)
    return True


def _retry(_request: HttpRequest, job: Job) -> bool:
    return bool(retry_job(job=job))


class CounterValuesFilter(admin.AllValuesFieldListFilter):
    """Offers what the tally has seen: to look for the few values of a column in a million videos takes a second."""

    def __init__(self, field: Any, *args: Any, **options: Any) -> None:
        super().__init__(field, *args, **options)
        name = "detail" if field.name == "error_code" else field.name
        seen = MetricCounter.objects.exclude(kind="delivery").exclude(**{name: ""})
        self.lookup_choices = seen.order_by(name).values_list(name, flat=True).distinct()


@admin.register(Job)
class JobAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    list_display = ["called", "whose", "where", "which", "priority_label", "price", "made", "trouble"]
    list_filter = [
        "state",
        ("pool", CounterValuesFilter),
        ("model", CounterValuesFilter),
        "priority",
        ("error_code", CounterValuesFilter),
        "created_at",
    ]
    list_select_related = ["team"]
    search_help_text = _("An id (vid_…)")
    # What the search looks at is the id alone: words of a million prompts have no index.
    search_fields = ["id"]
    fieldsets = [
        (
            None,
            {"fields": [("called", "where", "priority_label"), ("whose", "person", "key"), ("trouble", "error_text")]},
        ),
        (
            _("What was asked for"),
            {
                "fields": [
                    "words",
                    "not_words",
                    ("which", "size", "frames_and_fps"),
                    ("refinement", "guided", "drawn"),
                    "kind",
                ]
            },
        ),
        (
            _("Where it stands"),
            {
                "fields": [
                    ("lane", "attempts", "crashes"),
                    ("holder", "lease", "progress_percent"),
                    ("waits_for", "deadline", "wish"),
                ]
            },
        ),
        (
            _("What came of it"),
            {"fields": [("price", "charged", "gpu"), ("made", "began", "ended"), ("expires", "deleted", "stored")]},
        ),
    ]
    admin_actions = (
        AdminAction(
            name="cancel",
            label=_("Cancel video"),
            explanation=_("A waiting one ends at once, a running one within a step. Nothing is charged."),
            permission="jobs.change_job",
            icon="cancel",
            is_destructive=True,
            applies_to=lambda job: job.state in ACTIVE,
            handler=_cancel,
        ),
        AdminAction(
            name="retry",
            label=_("Try again"),
            explanation=_("A fresh video of the same request and price, as its team; its credits are promised anew."),
            permission="jobs.change_job",
            icon="replay",
            applies_to=lambda job: job.state == State.FAILED,
            handler=_retry,
        ),
        AdminAction(
            name="set_priority",
            label=_("Set priority"),
            explanation=_("Moves waiting videos within their team's line."),
            permission="jobs.change_job",
            icon="low_priority",
            form=SetPriorityForm,
            applies_to=lambda job: job.state == State.QUEUED,
            handler=lambda _request, job, priority: set_priority(job=job, priority=priority),
        ),
    )

    called = field_column("public_id", _("Video"), ordering="id")
    whose = link_column("team", _("Team"))
    person = link_column("user", _("Person"))
    key = link_column("api_key", _("API key"))
    where = label_column("state", _("State"), _STATE_COLOURS)
    which = field_column("model", _("Model"))
    price = field_column("quoted_credits", _("Quoted credits"))
    charged = field_column("charged_credits", _("Charged credits"))
    made = field_column("created_at", _("Submitted"), ordering="id")
    began = field_column("started_at", _("Started"))
    ended = field_column("finished_at", _("Ended"))
    trouble = field_column("error_code", _("Error"))
    words = field_column("prompt", _("Prompt"))
    not_words = field_column("negative_prompt", _("What to avoid"))
    refinement = field_column("steps", _("Steps"))
    guided = field_column("guidance_scale", _("Guidance"))
    drawn = field_column("seed", _("Seed"))
    kind = field_column("output_format", _("Format"))
    lane = field_column("pool", _("Pool"))
    crashes = field_column("crash_count", _("Crashes"))
    holder = field_column("lease_owner", _("Worker"))
    lease = field_column("lease_until", _("Leased until"))
    waits_for = field_column("not_before", _("Not before"))
    deadline = field_column("deadline_at", _("To start before"))
    wish = field_column("cancel_requested_at", _("Cancellation requested"))
    gpu = field_column("gpu_seconds", _("GPU seconds"))
    expires = field_column("expires_at", _("Kept until"))
    deleted = field_column("deleted_at", _("Deleted"))
    stored = field_column("result_bytes", _("Bytes"))

    @display(description=_("Error message"))
    def error_text(self, job: Job) -> str:
        return job.error.localized() if job.error else ""

    @display(description=_("Priority"), ordering="priority")
    def priority_label(self, job: Job) -> Any:
        return dict(SetPriorityForm.base_fields["priority"].choices)[job.priority]  # type: ignore[attr-defined]

    @display(description=_("Size"))
    def size(self, job: Job) -> str:
        return f"{job.width} × {job.height}"  # noqa: RUF001 (the sign between the sides)

    @display(description=_("Frames"))
    def frames_and_fps(self, job: Job) -> str:
        return f"{job.num_frames} / {job.fps} fps"

    @display(description=_("Attempts"))
    def attempts(self, job: Job) -> str:
        return f"{job.attempt} / {job.max_attempts}"

    @display(description=_("Progress"))
    def progress_percent(self, job: Job) -> str:
        return f"{job.progress} %"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(pk=parse_public_id("vid", search_term.strip())), False
        except NotFound:
            return queryset.none(), False
