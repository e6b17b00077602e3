"""Memberships: the people of each team and their roles."""

from django.contrib import admin

from accounts.models import Membership
from portal.admin.base import BaseAdmin, EstimatedPaginator

_ROLE_COLORS = {"owner": "primary", "admin": "warning", "member": "info", "viewer": "info"}


@admin.register(Membership)
class MembershipAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    search_fields = ["team__name", "user__email"]
    link_fields = ("user", "team")
    badge_fields = {"role": _ROLE_COLORS}
    list_display = ["user_link", "team_link", "role_badge", "credits_per_month", "videos_per_day", "created_at"]
    list_filter = ["role"]
    list_select_related = ["team", "user"]
    # The first columns are links to other rows already, and HTML links cannot be nested.
    list_display_links = ["created_at"]
    fields = [("user_link", "team_link", "role_badge"), ("credits_per_month", "videos_per_day", "created_at")]
