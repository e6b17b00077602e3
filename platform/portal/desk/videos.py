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
from jobs.models import Job, Priority, Tally
from jobs.pages.words import translated
from jobs.services.cancel import cancel_job
from jobs.services.priority import set_priority
from jobs.services.retry import retry_job
from jobs.states import ACTIVE, State
from portal.desk.base import DeskAdmin, EstimatedPaginator
from portal.desk.columns import fact, label, link
from portal.desk.deeds import Deed

_COLOURS = {
    "queued": "info",
    "in_progress": "primary",
    "completed": "success",
    "failed": "danger",
    "canceled": "warning",
    "expired": "warning",
}


class WhichPriority(forms.Form):
    priority = forms.TypedChoiceField(
        label=_("Priority"),
        choices=[(Priority.LOW, _("low")), (Priority.NORMAL, _("normal")), (Priority.HIGH, _("high"))],
        coerce=lambda number: Priority(int(number)),
        initial=Priority.NORMAL,
        widget=UnfoldAdminSelectWidget,
    )


def _cancel(_request: HttpRequest, job: Job) -> bool:
    if job.is_terminal:
        return False
    cancel_job(job=job)
    return True


def _retry(_request: HttpRequest, job: Job) -> bool:
    return bool(retry_job(job=job))


class TalliedFilter(admin.AllValuesFieldListFilter):
    """Offers what the tally has seen: to look for the few values of a column in a million videos takes a second."""

    def __init__(self, field: Any, *args: Any, **options: Any) -> None:
        super().__init__(field, *args, **options)
        name = "detail" if field.name == "error_code" else field.name
        seen = Tally.objects.exclude(kind="delivery").exclude(**{name: ""})
        self.lookup_choices = seen.order_by(name).values_list(name, flat=True).distinct()


@admin.register(Job)
class JobAdmin(DeskAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    list_display = ["called", "whose", "where", "which", "order", "price", "made", "trouble"]
    list_filter = [
        "state",
        ("pool", TalliedFilter),
        ("model", TalliedFilter),
        "priority",
        ("error_code", TalliedFilter),
        "created_at",
    ]
    list_select_related = ["team"]
    search_help_text = _("An id (vid_…)")
    # What the search looks at is the id alone: words of a million prompts have no index.
    search_fields = ["id"]
    fieldsets = [
        (None, {"fields": [("called", "where", "order"), ("whose", "person", "key"), ("trouble", "said")]}),
        (
            _("What was asked for"),
            {"fields": ["words", "not_words", ("which", "size", "length"), ("refinement", "guided", "drawn"), "kind"]},
        ),
        (
            _("Where it stands"),
            {"fields": [("lane", "tries", "crashes"), ("holder", "lease", "done"), ("waits_for", "deadline", "wish")]},
        ),
        (
            _("What came of it"),
            {"fields": [("price", "charged", "gpu"), ("made", "began", "ended"), ("expires", "deleted", "stored")]},
        ),
    ]
    deeds = (
        Deed(
            name="cancel",
            label=_("Cancel video"),
            explanation=_("A waiting one ends at once, a running one within a step. Nothing is charged."),
            permission="jobs.change_job",
            icon="cancel",
            dangerous=True,
            fits=lambda job: job.state in ACTIVE,
            do=_cancel,
        ),
        Deed(
            name="retry",
            label=_("Try again"),
            explanation=_("A fresh video of the same request and price, as its team; its credits are promised anew."),
            permission="jobs.change_job",
            icon="replay",
            fits=lambda job: job.state == State.FAILED,
            do=_retry,
        ),
        Deed(
            name="set_priority",
            label=_("Set priority"),
            explanation=_("Moves waiting videos within their team's line."),
            permission="jobs.change_job",
            icon="low_priority",
            form=WhichPriority,
            fits=lambda job: job.state == State.QUEUED,
            do=lambda _request, job, priority: set_priority(job=job, priority=priority),
        ),
    )

    called = fact("public_id", _("Video"), ordering="id")
    whose = link("team", _("Team"))
    person = link("user", _("Person"))
    key = link("api_key", _("API key"))
    where = label("state", _("State"), _COLOURS)
    which = fact("model", _("Model"))
    price = fact("quoted_credits", _("Quoted credits"))
    charged = fact("charged_credits", _("Charged credits"))
    made = fact("created_at", _("Submitted"), ordering="id")
    began = fact("started_at", _("Started"))
    ended = fact("finished_at", _("Ended"))
    trouble = fact("error_code", _("Error"))
    words = fact("prompt", _("Prompt"))
    not_words = fact("negative_prompt", _("What to avoid"))
    refinement = fact("steps", _("Steps"))
    guided = fact("guidance_scale", _("Guidance"))
    drawn = fact("seed", _("Seed"))
    kind = fact("output_format", _("Format"))
    lane = fact("pool", _("Pool"))
    crashes = fact("crash_count", _("Crashes"))
    holder = fact("lease_owner", _("Worker"))
    lease = fact("lease_until", _("Leased until"))
    waits_for = fact("not_before", _("Not before"))
    deadline = fact("deadline_at", _("To start before"))
    wish = fact("cancel_requested_at", _("Cancel asked for"))
    gpu = fact("gpu_seconds", _("GPU seconds"))
    expires = fact("expires_at", _("Kept until"))
    deleted = fact("deleted_at", _("Deleted"))
    stored = fact("result_bytes", _("Bytes"))

    @display(description=_("What was said of it"))
    def said(self, job: Job) -> str:
        return translated(job.error_message, code=job.error_code)

    @display(description=_("Priority"), ordering="priority")
    def order(self, job: Job) -> Any:
        return dict(WhichPriority.base_fields["priority"].choices)[job.priority]  # type: ignore[attr-defined]

    @display(description=_("Size"))
    def size(self, job: Job) -> str:
        return f"{job.width} × {job.height}"  # noqa: RUF001 (the sign between the sides)

    @display(description=_("Frames"))
    def length(self, job: Job) -> str:
        return f"{job.num_frames} / {job.fps} fps"

    @display(description=_("Attempts"))
    def tries(self, job: Job) -> str:
        return f"{job.attempt} / {job.max_attempts}"

    @display(description=_("Progress"))
    def done(self, job: Job) -> str:
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
