"""Who is in which team, as what."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from portal.admin.base import BaseAdmin, EstimatedPaginator
from portal.admin.columns import field_column, label_column, link_column


@admin.register(Membership)
class MembershipAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    search_fields = ["team__name", "user__email"]
    list_display = ["person", "where", "as_what", "credits", "videos", "since"]
    list_filter = ["role"]
    list_select_related = ["team", "user"]
    # The first columns are links to other rows, and a link in a link is none.
    list_display_links = ["since"]
    fields = [("person", "where", "as_what"), ("credits", "videos", "since")]

    person = link_column("user", _("Person"))
    where = link_column("team", _("Team"))
    as_what = label_column(
        "role", _("Role"), {"owner": "primary", "admin": "warning", "member": "info", "viewer": "info"}
    )
    credits = field_column("credits_per_month", _("Credits a month"))
    videos = field_column("videos_per_day", _("Videos a day"))
    since = field_column("created_at", _("Since"))
