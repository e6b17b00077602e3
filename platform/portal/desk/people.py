"""People: who they are, what shuts them out, and looking at the portal as them."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, User
from accounts.second_factor import has_second_factor
from accounts.staff import activate_user, deactivate_user, reset_second_factor, set_staff
from common.errors import Conflict
from portal.desk.base import DeskAdmin, DeskInline
from portal.desk.columns import fact, link, whether
from portal.desk.deeds import Deed, Reason
from portal.desk.impersonation import begin_view, may_be_viewed

# Whose permissions mean something on the desk.
_DESK_APPS = ("accounts", "quota", "jobs", "desk", "auth", "audit")


class Teams(DeskInline):
    model = Membership
    verbose_name_plural = _("Teams")
    fields = ["where", "as_what", "since"]

    where = link("team", _("Team"))
    as_what = fact("get_role_display", _("Role"), ordering="role")
    since = fact("created_at", _("Since"))
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "team")  # type: ignore[no-any-return]


def _deactivate(request: HttpRequest, user: User) -> bool:
    _spare_superiors(request, user)
    return deactivate_user(user=user)


def _reset_second_factor(request: HttpRequest, user: User) -> bool:
    _spare_superiors(request, user)
    return reset_second_factor(user=user)


def _spare_superiors(request: HttpRequest, user: User) -> None:
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
class UserAdmin(DeskAdmin):
    search_fields = ["email", "name"]
    ordering = ["-id"]
    list_display = ["address", "called", "active", "staff", "joined", "seen"]
    list_filter = ["is_active", "is_staff", "date_joined"]
    fields = [("address", "called"), ("active", "staff", "superuser"), ("second_factor", "joined", "seen"), "groups"]
    readonly_fields = [
        "address", "called", "active", "staff", "superuser", "second_factor", "joined", "seen",
    ]  # fmt: skip
    inlines = [Teams]
    deeds = (
        Deed(
            name="view_as",
            label=_("View as this person"),
            explanation=_("For an hour at most, with a banner on every page. It is recorded who did it, and why."),
            permission="desk.add_impersonation",
            icon="visibility",
            form=Reason,
            bulk=False,
            fits=may_be_viewed,
            do=begin_view,
            leads_to="/",
        ),
        Deed(
            name="deactivate",
            label=_("Deactivate"),
            explanation=_("Sessions end, keys are revoked and videos in hand are canceled, all at once."),
            permission="accounts.change_user",
            icon="person_off",
            dangerous=True,
            fits=lambda user: user.is_active,
            do=_deactivate,
        ),
        Deed(
            name="activate",
            label=_("Activate"),
            explanation=_("They can sign in again. Their keys stay revoked."),
            permission="accounts.change_user",
            icon="person_check",
            fits=lambda user: not user.is_active,
            do=lambda _request, user: activate_user(user=user),
        ),
        Deed(
            name="reset_second_factor",
            label=_("Reset second factor"),
            explanation=_("For who has lost it. Be sure whom you are talking to: after this the password is enough."),
            permission="accounts.change_user",
            icon="phonelink_erase",
            dangerous=True,
            fits=has_second_factor,
            do=_reset_second_factor,
        ),
        Deed(
            name="make_staff",
            label=_("Make staff"),
            explanation=_("They can open the desk, after a second factor; their groups say what they may do there."),
            permission="accounts.change_user",
            icon="shield_person",
            fits=lambda user: not user.is_staff,
            do=lambda request, user: _set_staff(request, user, is_staff=True),
        ),
        Deed(
            name="end_staff",
            label=_("No longer staff"),
            explanation=_("The desk is shut to them with their next click."),
            permission="accounts.change_user",
            icon="remove_moderator",
            dangerous=True,
            fits=lambda user: user.is_staff,
            do=lambda request, user: _set_staff(request, user, is_staff=False),
        ),
    )

    address = fact("email", _("Email address"))
    called = fact("name", _("Name"))
    active = whether("is_active", _("Active"))
    staff = whether("is_staff", _("Staff"))
    superuser = whether("is_superuser", _("Superuser"))
    joined = fact("date_joined", _("Since"))
    seen = fact("last_login", _("Last signed in"))

    @admin.display(description=_("Second factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        return has_second_factor(user)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Groups alone are changed on the page, and by superusers alone: they give permissions."""
        return bool(request.user.is_superuser)


@admin.register(Group)
class GroupAdmin(DeskAdmin):
    may_add = may_change = may_delete = True
    search_fields = ["name"]
    filter_horizontal = ["permissions"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = Permission.objects.filter(content_type__app_label__in=_DESK_APPS).select_related(
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
