"""Teams: their plan and credits, members, keys and videos."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import ApiKey, Membership, Team, User
from accounts.quota.models import Plan
from accounts.quota.services import MAX_CREDITS_PER_ENTRY, adjust, assign_plan, grant
from accounts.teams.services import provision_team
from portal.admin.actions import AdminAction, ReasonForm
from portal.admin.base import BaseAdmin, ReadOnlyInline
from portal.admin.columns import changelist_link, field_column, link_column


class GrantCreditsForm(ReasonForm):
    credits = forms.IntegerField(
        label=_("Credits"),
        validators=[MinValueValidator(1), MaxValueValidator(MAX_CREDITS_PER_ENTRY)],
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 1}),
    )


class AdjustCreditsForm(ReasonForm):
    credits = forms.IntegerField(
        label=_("Credits"),
        help_text=_("A negative number takes credits away, never below zero."),
        validators=[MinValueValidator(-MAX_CREDITS_PER_ENTRY), MaxValueValidator(MAX_CREDITS_PER_ENTRY)],
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def clean_credits(self) -> int:
        credits: int = self.cleaned_data["credits"]  # noqa: A001 (the product's word)
        if not credits:
            raise forms.ValidationError(_("Zero changes nothing."))
        return credits


class AssignPlanForm(forms.Form):
    plan = forms.ModelChoiceField(
        label=_("Plan"), queryset=Plan.objects.order_by("name"), empty_label=None, widget=UnfoldAdminSelectWidget
    )


class CreateTeamForm(forms.ModelForm):  # type: ignore[type-arg] # it takes none when it runs
    """The first owner is asked for, and nothing is saved here: the service makes team, owner and wallet together."""

    owner = forms.ModelChoiceField(label=_("Owner"), queryset=User.objects.filter(is_active=True))

    class Meta:
        model = Team
        fields = ["name"]
        widgets = {"name": UnfoldAdminTextInputWidget}


def _grant(request: HttpRequest, team: Team, *, credits: int, reason: str) -> bool:  # noqa: A002
    grant(team=team, credits=credits, reason=reason, actor=request.user)  # type: ignore[arg-type] # staff alone get here
    return True


def _adjust(request: HttpRequest, team: Team, *, credits: int, reason: str) -> bool:  # noqa: A002
    adjust(team=team, credits=credits, reason=reason, actor=request.user)  # type: ignore[arg-type]
    return True


class TeamMembershipInline(ReadOnlyInline):
    model = Membership
    verbose_name_plural = _("TeamMembershipInline")
    fields = ["person", "as_what", "since"]

    person = link_column("user", _("Person"))
    as_what = field_column("get_role_display", _("Role"), ordering="role")
    since = field_column("created_at", _("Since"))
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "team")  # type: ignore[no-any-return]


class ApiKeyInline(ReadOnlyInline):
    model = ApiKey
    fk_name = "team"
    verbose_name_plural = _("API keys")
    fields = ["called", "maker", "standing", "used"]

    called = field_column("name", _("Name"))
    maker = link_column("creator", _("Made by"))
    standing = field_column("state", _("State"), ordering="revoked_at")
    used = field_column("last_used_at", _("Last used"))
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).select_related("creator").order_by("-id")  # type: ignore[no-any-return]


@admin.register(Team)
class TeamAdmin(BaseAdmin):
    may_add = True
    search_fields = ["name", "memberships__user__email"]
    ordering = ["-id"]
    list_display = ["name", "plan", "free", "promised", "member_count_column", "since"]
    list_filter = ["wallet__plan", "created_at"]
    list_select_related = ["wallet__plan", "personal_of"]
    fields = [
        ("called", "plan", "override"),
        ("free", "promised"),
        ("since", "person"),
        ("closing", "closed"),
        "related_links",
    ]
    inlines = [TeamMembershipInline, ApiKeyInline]
    admin_actions = (
        AdminAction(
            name="assign_plan",
            label=_("Move onto a plan"),
            explanation=_("Its limits hold from the next request on; what is queued stays."),
            permission="quota.change_wallet",
            icon="sell",
            form=AssignPlanForm,
            handler=lambda _request, team, plan: assign_plan(team=team, plan=plan),
        ),
        AdminAction(
            name="grant_credits",
            label=_("GrantCreditsForm credits"),
            explanation=_("They can be spent at once. The ledger keeps the reason and your name."),
            permission="quota.change_wallet",
            icon="add_card",
            form=GrantCreditsForm,
            handler=_grant,
        ),
        AdminAction(
            name="adjust_credits",
            label=_("Adjust credits"),
            explanation=_("Corrects what is free to spend; a row of the ledger, and no row is ever changed."),
            permission="quota.change_wallet",
            icon="balance",
            form=AdjustCreditsForm,
            handler=_adjust,
        ),
    )

    called = field_column("name", _("Name"))
    plan = link_column("wallet__plan", _("Plan"))
    override = link_column("plan_override", _("Override"))
    free = field_column("wallet__balance", _("Free credits"))
    promised = field_column("wallet__reserved", _("Reserved credits"))
    since = field_column("created_at", _("Since"))
    person = link_column("personal_of", _("Personal team of"))
    closing = field_column("deletion_due_at", _("Will be closed"))
    closed = field_column("closed_at", _("Closed"))

    @display(description=_("TeamMembershipInline"), ordering="member_count")
    def member_count_column(self, team: Team) -> Any:
        return team.member_count  # type: ignore[attr-defined]

    @display(description=_("More"))
    def related_links(self, team: Team) -> Any:
        links = [
            changelist_link("jobs_job", _("Videos"), team__id__exact=team.pk),
            changelist_link("quota_ledgerentry", _("Ledger"), team__id__exact=team.pk),
            changelist_link("accounts_apikey", _("API keys"), team__id__exact=team.pk),
        ]
        return format_html_join(" · ", "{}", ((found,) for found in links))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))  # type: ignore[no-any-return]

    def get_form(self, request: HttpRequest, obj: Team | None = None, **kwargs: Any) -> Any:
        return super().get_form(request, obj, **kwargs) if obj else CreateTeamForm

    def get_fields(self, request: HttpRequest, obj: Team | None = None) -> Any:
        return super().get_fields(request, obj) if obj else ["name", "owner"]

    def get_inlines(self, request: HttpRequest, obj: Team | None = None) -> Any:
        return self.inlines if obj else []

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Team:
        return provision_team(name=form.cleaned_data["name"], owner=form.cleaned_data["owner"])

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        """Saved by the service already."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The same."""
