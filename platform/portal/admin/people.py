"""People and staff groups; actions impersonate, deactivate and change staff status."""

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
from portal.admin.impersonation import can_be_impersonated, start_impersonation

# Apps whose permissions matter on the administration site.
_PERMISSION_APPS = ("accounts", "quota", "jobs", "licenses", "desk", "auth", "audit")


class UserMembershipInline(ReadOnlyInline):
    model = Membership
    verbose_name_plural = _("Teams")
    link_fields = ("team",)
    fields = ["team_link", "role", "created_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "team")  # type: ignore[no-any-return]


def _deactivate(request: HttpRequest, user: User) -> bool:
    _check_may_change_access(request, user)
    return deactivate_user(user=user)


def _activate(request: HttpRequest, user: User) -> bool:
    _check_may_change_access(request, user)
    return activate_user(user=user)


def _reset_second_factor(request: HttpRequest, user: User) -> bool:
    _check_may_change_access(request, user)
    return reset_second_factor(user=user)


def _check_may_change_access(request: HttpRequest, user: User) -> None:
    """Raise Conflict if the person is the administrator, or is staff and the administrator is no superuser."""
    _check_is_somebody_else(request, user)
    if user.is_staff and not request.user.is_superuser:
        raise Conflict("Only a superuser may do this to staff.", code="staff")


def _check_is_somebody_else(request: HttpRequest, user: User) -> None:
    if user.pk == request.user.pk:
        raise Conflict("This is your own account. Ask another administrator.", code="oneself")


def _set_staff(request: HttpRequest, user: User, *, is_staff: bool) -> bool:
    if not request.user.is_superuser:
        raise Conflict("Only a superuser may change who is staff.", code="superuser_only")
    _check_is_somebody_else(request, user)
    return set_staff(user=user, is_staff=is_staff)


@admin.register(User)
class UserAdmin(BaseAdmin):
    search_fields = ["email", "name"]
    ordering = ["-id"]
    list_display = ["email", "name", "is_active", "is_staff", "date_joined", "last_login"]
    list_filter = ["is_active", "is_staff", "date_joined"]
    fields = [
        ("email", "name"),
        ("is_active", "is_staff", "is_superuser"),
        ("second_factor", "date_joined", "last_login"),
        "groups",
    ]
    readonly_fields = [
        "email", "name", "is_active", "is_staff", "is_superuser", "second_factor", "date_joined", "last_login",
    ]  # fmt: skip
    inlines = [UserMembershipInline]
    admin_actions = (
        AdminAction(
            name="view_as",
            label=_("Impersonate"),
            explanation=_("At most one hour, with a banner on every page. Your name and the reason are recorded."),
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
            explanation=_("Immediately ends sessions, revokes API keys and cancels unfinished videos."),
            permission="accounts.change_user",
            icon="person_off",
            is_destructive=True,
            applies_to=lambda user: user.is_active,
            handler=_deactivate,
        ),
        AdminAction(
            name="activate",
            label=_("Activate"),
            explanation=_("Allows the person to sign in again. Their API keys stay revoked."),
            permission="accounts.change_user",
            icon="person_check",
            applies_to=lambda user: not user.is_active,
            handler=_activate,
        ),
        AdminAction(
            name="reset_second_factor",
            label=_("Reset second factor"),
            explanation=_(
                "For users who lost their second factor. "
                "Verify their identity first: afterwards the password alone signs in."
            ),
            permission="accounts.change_user",
            icon="phonelink_erase",
            is_destructive=True,
            applies_to=has_second_factor,
            handler=_reset_second_factor,
        ),
        AdminAction(
            name="make_staff",
            label=_("Make staff"),
            explanation=_(
                "Allows the person to open the administration site with a second factor. "
                "Their groups determine what they may do there."
            ),
            permission="accounts.change_user",
            icon="shield_person",
            applies_to=lambda user: not user.is_staff,
            handler=lambda request, user: _set_staff(request, user, is_staff=True),
        ),
        AdminAction(
            name="end_staff",
            label=_("Remove staff status"),
            explanation=_("Takes effect with the person's next request to the administration site."),
            permission="accounts.change_user",
            icon="remove_moderator",
            is_destructive=True,
            applies_to=lambda user: user.is_staff,
            handler=lambda request, user: _set_staff(request, user, is_staff=False),
        ),
    )

    @admin.display(description=_("Second factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        return has_second_factor(user)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only superusers may change the groups, which grant permissions. Nothing else can be changed on the page."""
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
