"""People: who they are, what shuts them out, and looking at the portal as them."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.auth.second_factor import has_second_factor
from accounts.models import Membership, User
from accounts.people.services import activate_user, deactivate_user, reset_second_factor, set_staff
from common.errors import Conflict
from portal.admin.actions import AdminAction, ReasonForm
from portal.admin.base import BaseAdmin, ReadOnlyInline
from portal.admin.columns import boolean_column, field_column, link_column
from portal.admin.impersonation import can_be_impersonated, start_impersonation

# Whose permissions mean something on the desk.
_PERMISSION_APPS = ("accounts", "quota", "jobs", "desk", "auth", "audit")


class UserMembershipInline(ReadOnlyInline):
    model = Membership
    verbose_name_plural = _("UserMembershipInline")
    fields = ["where", "as_what", "since"]

    where = link_column("team", _("Team"))
    as_what = field_column("get_role_display", _("Role"), ordering="role")
    since = field_column("created_at", _("Since"))
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "team")  # type: ignore[no-any-return]


def _deactivate(request: HttpRequest, user: User) -> bool:
    _check_may_change_access(request, user)
    return deactivate_user(user=user)


def _reset_second_factor(request: HttpRequest, user: User) -> bool:
    _check_may_change_access(request, user)
    return reset_second_factor(user=user)


def _check_may_change_access(request: HttpRequest, user: User) -> None:
    """Raises Conflict for oneself, and for staff unless a superuser does it."""
    if user.pk == request.user.pk:
        raise Conflict("That is you. Ask another administrator.", code="oneself")
    if user.is_staff and not request.user.is_superuser:
        raise Conflict("Only a superuser may do this to staff.", code="staff")


def _set_staff(request: HttpRequest, user: User, *, is_staff: bool) -> bool:
    if not request.user.is_superuser:
        raise Conflict("Only a superuser says who is staff.", code="superuser_only")
    if user.pk == request.user.pk:
        raise Conflict("That is you. Ask another administrator.", code="oneself")
    return set_staff(user=user, is_staff=is_staff)


@admin.register(User)
class UserAdmin(BaseAdmin):
    search_fields = ["email", "name"]
    ordering = ["-id"]
    list_display = ["address", "called", "active", "staff", "joined", "seen"]
    list_filter = ["is_active", "is_staff", "date_joined"]
    fields = [("address", "called"), ("active", "staff", "superuser"), ("second_factor", "joined", "seen"), "groups"]
    readonly_fields = [
        "address", "called", "active", "staff", "superuser", "second_factor", "joined", "seen",
    ]  # fmt: skip
    inlines = [UserMembershipInline]
    admin_actions = (
        AdminAction(
            name="view_as",
            label=_("Impersonate"),
            explanation=_("For an hour at most, with a banner on every page. It is recorded who did it, and why."),
            permission="desk.add_impersonation",
            icon="visibility",
            form=ReasonForm,
            allow_bulk=False,
            applies_to=can_be_impersonated,
            handler=start_impersonation,
            success_url="/",
        ),
        AdminAction(
            name="deactivate",
            label=_("Deactivate"),
            explanation=_("Sessions end, keys are revoked and videos in hand are canceled, all at once."),
            permission="accounts.change_user",
            icon="person_off",
            is_destructive=True,
            applies_to=lambda user: user.is_active,
            handler=_deactivate,
        ),
        AdminAction(
            name="activate",
            label=_("Activate"),
            explanation=_("They can sign in again. Their keys stay revoked."),
            permission="accounts.change_user",
            icon="person_check",
            applies_to=lambda user: not user.is_active,
            handler=lambda _request, user: activate_user(user=user),
        ),
        AdminAction(
            name="reset_second_factor",
            label=_("Reset second factor"),
            explanation=_("For who has lost it. Be sure whom you are talking to: after this the password is enough."),
            permission="accounts.change_user",
            icon="phonelink_erase",
            is_destructive=True,
            applies_to=has_second_factor,
            handler=_reset_second_factor,
        ),
        AdminAction(
            name="make_staff",
            label=_("Make staff"),
            explanation=_("They can open the desk, after a second factor; their groups say what they may do there."),
            permission="accounts.change_user",
            icon="shield_person",
            applies_to=lambda user: not user.is_staff,
            handler=lambda request, user: _set_staff(request, user, is_staff=True),
        ),
        AdminAction(
            name="end_staff",
            label=_("No longer staff"),
            explanation=_("The desk is shut to them with their next click."),
            permission="accounts.change_user",
            icon="remove_moderator",
            is_destructive=True,
            applies_to=lambda user: user.is_staff,
            handler=lambda request, user: _set_staff(request, user, is_staff=False),
        ),
    )

    address = field_column("email", _("Email address"))
    called = field_column("name", _("Name"))
    active = boolean_column("is_active", _("Active"))
    staff = boolean_column("is_staff", _("Staff"))
    superuser = boolean_column("is_superuser", _("Superuser"))
    joined = field_column("date_joined", _("Since"))
    seen = field_column("last_login", _("Last signed in"))

    @admin.display(description=_("Second factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        return has_second_factor(user)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Groups alone are changed on the page, and by superusers alone: they give permissions."""
        return bool(request.user.is_superuser)


@admin.register(Group)
class GroupAdmin(BaseAdmin):
    may_add = may_change = may_delete = True
    search_fields = ["name"]
    filter_horizontal = ["permissions"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = Permission.objects.filter(content_type__app_label__in=_PERMISSION_APPS).select_related(
            "content_type"
        )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)
