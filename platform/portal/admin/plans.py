"""Plans, and what single teams may do otherwise."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.quota.models import Plan, PlanOverride
from portal.admin.base import BaseAdmin
from portal.admin.columns import changelist_link, field_column, link_column
from portal.admin.plan_forms import OverrideForm, PlanForm

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
class PlanAdmin(BaseAdmin):
    form = PlanForm
    may_add = may_change = True
    search_fields = ["name"]
    ordering = ["name"]
    list_display = ["name", "team_count_link", "credits", "share", "running", "queued"]
    fieldsets = [(None, {"fields": ["name"]}), *_FIELDSETS]

    credits = field_column("monthly_credits", _("Credits a month"))
    share = field_column("weight", _("GPU weight"))
    running = field_column("max_running", _("Videos at once"))
    queued = field_column("max_queued", _("Videos waiting"))

    @display(description=_("Teams"), ordering="team_count")
    def team_count_link(self, plan: Plan) -> Any:
        return changelist_link("accounts_team", plan.team_count, wallet__plan__id__exact=plan.pk)  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(team_count=Count("wallets"))  # type: ignore[no-any-return]

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """A plan that a team is on stays; the database would refuse too."""
        return obj is not None and not obj.wallets.exists() and request.user.has_perm("quota.delete_plan")


@admin.register(PlanOverride)
class PlanOverrideAdmin(BaseAdmin):
    form = OverrideForm
    may_add = may_change = may_delete = True
    search_fields = ["team__name", "reason"]
    list_display = ["whose", "why", "credits", "share", "running", "queued"]
    list_select_related = ["team"]
    autocomplete_fields = ["team"]
    fieldsets = [(None, {"fields": [("team", "reason")]}), *_FIELDSETS]

    whose = field_column("team", _("Team"))
    why = field_column("reason", _("Reason"))
    plan = link_column("team__wallet__plan", _("Plan"))
    credits = field_column("monthly_credits", _("Credits a month"))
    share = field_column("weight", _("GPU weight"))
    running = field_column("max_running", _("Videos at once"))
    queued = field_column("max_queued", _("Videos waiting"))

    def get_readonly_fields(self, request: HttpRequest, obj: PlanOverride | None = None) -> list[str]:
        # Its team is its key: another team is another row.
        return ["team"] if obj else []
