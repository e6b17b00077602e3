"""Videos: their request, processing and result; actions cancel, retry and change the priority."""

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
from jobs.states import State
from portal.admin.actions import AdminAction
from portal.admin.base import BaseAdmin, EstimatedPaginator
from portal.admin.priorities import PRIORITY_LABELS

_STATE_COLORS = {
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
        choices=PRIORITY_LABELS,
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
    """Offers the values that the metric counters know: to find them among a million videos takes a second."""

    def __init__(self, field: Any, *args: Any, **options: Any) -> None:
        super().__init__(field, *args, **options)
        name = "detail" if field.name == "error_code" else field.name
        counters = MetricCounter.objects.exclude(kind="delivery").exclude(**{name: ""})
        self.lookup_choices = counters.order_by(name).values_list(name, flat=True).distinct()


@admin.register(Job)
class JobAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    ordering_fields = {"created_at": "id"}
    link_fields = ("team", "user", "api_key")
    badge_fields = {"state": _STATE_COLORS}
    list_display = [
        "public_id", "team_link", "state_badge", "model", "priority_label", "quoted_credits", "created_at",
        "error_code",
    ]  # fmt: skip
    list_filter = [
        "state",
        ("pool", CounterValuesFilter),
        ("model", CounterValuesFilter),
        "priority",
        ("error_code", CounterValuesFilter),
        "created_at",
    ]
    list_select_related = ["team"]
    search_help_text = _("Video ID (vid_…)")
    # Searches the ID only: there is no index on the words of a million prompts.
    search_fields = ["id"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("public_id", "state_badge", "priority_label"),
                    ("team_link", "user_link", "api_key_link"),
                    ("error_code", "translated_error_message"),
                ]
            },
        ),
        (
            _("Request"),
            {
                "fields": [
                    "prompt",
                    "negative_prompt",
                    ("model", "size", "frames_and_fps"),
                    ("steps", "guidance_scale", "seed"),
                    "output_format",
                ]
            },
        ),
        (
            _("Processing"),
            {
                "fields": [
                    ("pool", "attempts", "crash_count"),
                    ("lease_owner", "lease_until", "progress_percent"),
                    ("not_before", "deadline_at", "cancel_requested_at"),
                ]
            },
        ),
        (
            _("Result"),
            {
                "fields": [
                    ("quoted_credits", "charged_credits", "gpu_seconds"),
                    ("created_at", "started_at", "finished_at"),
                    ("expires_at", "deleted_at", "result_bytes"),
                ]
            },
        ),
    ]
    admin_actions = (
        AdminAction(
            name="cancel",
            label=_("Cancel video"),
            explanation=_("A queued video ends immediately, a running one within one step. No credits are charged."),
            permission="jobs.change_job",
            icon="cancel",
            is_destructive=True,
            applies_to=lambda job: not job.is_finished,
            handler=_cancel,
        ),
        AdminAction(
            name="retry",
            label=_("Retry"),
            explanation=_("Creates a new video with the same request, price and team, and reserves its credits."),
            permission="jobs.change_job",
            icon="replay",
            applies_to=lambda job: job.state == State.FAILED,
            handler=_retry,
        ),
        AdminAction(
            name="set_priority",
            label=_("Set priority"),
            explanation=_("Changes the position of queued videos among those of their team."),
            permission="jobs.change_job",
            icon="low_priority",
            form=SetPriorityForm,
            applies_to=lambda job: job.state == State.QUEUED,
            handler=lambda _request, job, priority: set_priority(job=job, priority=priority),
        ),
    )

    @display(description=_("Video ID"), ordering="id")
    def public_id(self, job: Job) -> str:
        return job.public_id

    @display(description=_("Error message"))
    def translated_error_message(self, job: Job) -> str:
        return job.error.localized() if job.error else ""

    @display(description=_("Priority"), ordering="priority")
    def priority_label(self, job: Job) -> str:
        return str(PRIORITY_LABELS[Priority(job.priority)])

    @display(description=_("Size"))
    def size(self, job: Job) -> str:
        return f"{job.width} × {job.height}"  # noqa: RUF001 (the sign between the sides)

    @display(description=_("Frames"))
    def frames_and_fps(self, job: Job) -> str:
        return f"{job.total_frames} / {job.fps} fps"

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
