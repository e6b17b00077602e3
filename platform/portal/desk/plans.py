"""Plans, and what single teams may do otherwise."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.quota.models import Plan, PlanOverride
from portal.desk.base import DeskAdmin
from portal.desk.columns import fact, link, listed
from portal.desk.limits import OverrideForm, PlanForm

_FIELDSETS = [
    (_("Queue"), {"fields": [("weight", "max_running", "max_queued")]}),
    (_("Credits"), {"fields": [("monthly_credits", "rollover")]}),
    (
        _("Videos"),
        {
            "fields": [
                ("max_resolution", "max_frames", "max_steps"),
                ("allowed_models", "allowed_formats", "allowed_priorities"),
            ]
        },
    ),
    (
        _("Use"),
        {
            "fields": [
                ("requests_per_minute", "videos_per_day", "gpu_seconds_per_month"),
                ("storage_bytes", "retention_days"),
            ]
        },
    ),
]


@admin.register(Plan)
class PlanAdmin(DeskAdmin):
    form = PlanForm
    may_add = may_change = True
    search_fields = ["name"]
    ordering = ["name"]
    list_display = ["name", "teams", "credits", "share", "running", "queued"]
    fieldsets = [(None, {"fields": ["name"]}), *_FIELDSETS]

    credits = fact("monthly_credits", _("Credits a month"))
    share = fact("weight", _("Share"))
    running = fact("max_running", _("Videos at once"))
    queued = fact("max_queued", _("Videos waiting"))

    @display(description=_("Teams"), ordering="team_count")
    def teams(self, plan: Plan) -> Any:
        return listed("accounts_team", plan.team_count, wallet__plan__id__exact=plan.pk)  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(team_count=Count("wallets"))  # type: ignore[no-any-return]

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """A plan that a team is on stays; the database would refuse too."""
        return obj is not None and not obj.wallets.exists() and request.user.has_perm("quota.delete_plan")


@admin.register(PlanOverride)
class PlanOverrideAdmin(DeskAdmin):
    form = OverrideForm
    may_add = may_change = may_delete = True
    search_fields = ["team__name", "reason"]
    list_display = ["whose", "why", "credits", "share", "running", "queued"]
    list_select_related = ["team"]
    autocomplete_fields = ["team"]
    fieldsets = [(None, {"fields": [("team", "reason")]}), *_FIELDSETS]

    whose = fact("team", _("Team"))
    why = fact("reason", _("Reason"))
    plan = link("team__wallet__plan", _("Plan"))
    credits = fact("monthly_credits", _("Credits a month"))
    share = fact("weight", _("Share"))
    running = fact("max_running", _("Videos at once"))
    queued = fact("max_queued", _("Videos waiting"))

    def get_readonly_fields(self, request: HttpRequest, obj: PlanOverride | None = None) -> list[str]:
        # Its team is its key: another team is another row.
        return ["team"] if obj else []
