"""Plans, and the limits of single teams that override them."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.quota.models import Plan, PlanOverride
from portal.admin.base import BaseAdmin
from portal.admin.columns import changelist_link
from portal.admin.plan_forms import OverrideForm, PlanForm

_LIMIT_FIELDSETS = [
    (_("Queue"), {"fields": [("weight", "max_running", "max_queued")]}),
    (_("Credits"), {"fields": [("monthly_credits", "rollover")]}),
    (
        _("Videos"),
        {
            "fields": [
                ("max_pixels", "max_seconds"),
                ("allowed_models", "allowed_formats", "allowed_priorities"),
            ]
        },
    ),
    (
        _("Usage"),
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
    list_display = ["name", "team_count_link", "monthly_credits", "weight", "max_running", "max_queued"]
    fieldsets = [(None, {"fields": ["name"]}), *_LIMIT_FIELDSETS]

    @display(description=_("Teams"), ordering="team_count")
    def team_count_link(self, plan: Plan) -> SafeString:
        return changelist_link("accounts_team", plan.team_count, wallet__plan__id__exact=plan.pk)  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(team_count=Count("wallets"))  # type: ignore[no-any-return]

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """A plan that a team uses cannot be deleted; the database would reject it too."""
        return obj is not None and not obj.wallets.exists() and request.user.has_perm("quota.delete_plan")


@admin.register(PlanOverride)
class PlanOverrideAdmin(BaseAdmin):
    form = OverrideForm
    may_add = may_change = may_delete = True
    search_fields = ["team__name", "reason"]
    list_display = ["team", "reason", "monthly_credits", "weight", "max_running", "max_queued"]
    list_select_related = ["team"]
    autocomplete_fields = ["team"]
    fieldsets = [(None, {"fields": [("team", "reason")]}), *_LIMIT_FIELDSETS]

    def get_readonly_fields(self, request: HttpRequest, obj: PlanOverride | None = None) -> list[str]:
        # The team is the primary key: another team would be another row.
        return ["team"] if obj else []
