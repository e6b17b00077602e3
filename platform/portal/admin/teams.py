"""Teams: their plan, credits, members and API keys; actions change the plan and the credits."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import ApiKey, Membership, Team, User
from accounts.quota.models import Plan
from accounts.quota.services import MAX_CREDITS_PER_ENTRY, adjust, assign_plan, grant
from accounts.teams.services import provision_team
from portal.admin.actions import AdminAction, ReasonForm
from portal.admin.base import BaseAdmin, ReadOnlyInline
from portal.admin.columns import changelist_link
from portal.admin.keys import ApiKeyStateMixin


class GrantCreditsForm(ReasonForm):
    credits = forms.IntegerField(
        label=_("Credits"),
        validators=[MinValueValidator(1), MaxValueValidator(MAX_CREDITS_PER_ENTRY)],
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 1}),
    )


class AdjustCreditsForm(ReasonForm):
    credits = forms.IntegerField(
        label=_("Credits"),
        help_text=_("A negative number removes credits. The balance cannot fall below zero."),
        validators=[MinValueValidator(-MAX_CREDITS_PER_ENTRY), MaxValueValidator(MAX_CREDITS_PER_ENTRY)],
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def clean_credits(self) -> int:
        credits: int = self.cleaned_data["credits"]  # noqa: A001 (the name of the field)
        if not credits:
            raise forms.ValidationError(_("Enter a number other than zero."))
        return credits


class AssignPlanForm(forms.Form):
    plan = forms.ModelChoiceField(
        label=_("Plan"), queryset=Plan.objects.order_by("name"), empty_label=None, widget=UnfoldAdminSelectWidget
    )


class CreateTeamForm(forms.ModelForm):  # type: ignore[type-arg] # not generic at run time
    """Asks for the name and the first owner. Saves nothing: a service creates team, owner and wallet together."""

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
    verbose_name_plural = _("Members")
    link_fields = ("user",)
    fields = ["user_link", "role", "created_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "team")  # type: ignore[no-any-return]


class ApiKeyInline(ApiKeyStateMixin, ReadOnlyInline):
    model = ApiKey
    fk_name = "team"
    verbose_name_plural = _("API keys")
    link_fields = ("creator",)
    fields = ["name", "creator_link", "state_badge", "last_used_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).select_related("creator").order_by("-id")  # type: ignore[no-any-return]


@admin.register(Team)
class TeamAdmin(BaseAdmin):
    may_add = True
    search_fields = ["name", "memberships__user__email"]
    ordering = ["-id"]
    link_fields = ("wallet__plan", "plan_override", "personal_of")
    related_fields = ("wallet__balance", "wallet__reserved")
    list_display = [
        "name", "wallet__plan_link", "wallet__balance", "wallet__reserved", "member_count", "created_at",
    ]  # fmt: skip
    list_filter = ["wallet__plan", "created_at"]
    list_select_related = ["wallet__plan", "personal_of"]
    fields = [
        ("name", "wallet__plan_link", "plan_override_link"),
        ("wallet__balance", "wallet__reserved"),
        ("created_at", "personal_of_link"),
        ("deletion_due_at", "deleted_at"),
        "related_links",
    ]
    inlines = [TeamMembershipInline, ApiKeyInline]
    admin_actions = (
        AdminAction(
            name="assign_plan",
            label=_("Change plan"),
            explanation=_("The limits of the new plan apply from the next request. Queued videos are not affected."),
            permission="quota.change_wallet",
            icon="sell",
            form=AssignPlanForm,
            handler=lambda _request, team, plan: assign_plan(team=team, plan=plan),
        ),
        AdminAction(
            name="grant_credits",
            label=_("Grant credits"),
            explanation=_("The credits are available immediately. The ledger records the reason and your name."),
            permission="quota.change_wallet",
            icon="add_card",
            form=GrantCreditsForm,
            handler=_grant,
        ),
        AdminAction(
            name="adjust_credits",
            label=_("Adjust credits"),
            explanation=_("Corrects the available credits by a new row in the ledger. Existing rows never change."),
            permission="quota.change_wallet",
            icon="balance",
            form=AdjustCreditsForm,
            handler=_adjust,
        ),
    )

    @display(description=_("Members"), ordering="member_count")
    def member_count(self, team: Team) -> int:
        return int(team.member_count)  # type: ignore[attr-defined]

    @display(description=_("Related"))
    def related_links(self, team: Team) -> SafeString:
        links = [
            changelist_link("jobs_job", _("Videos"), team__id__exact=team.pk),
            changelist_link("quota_ledgerentry", _("Ledger"), team__id__exact=team.pk),
            changelist_link("accounts_apikey", _("API keys"), team__id__exact=team.pk),
        ]
        return format_html_join(" · ", "{}", ((link,) for link in links))

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
        """Do nothing: `save_form` has saved the team."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: `save_form` has saved the owner and the wallet."""
