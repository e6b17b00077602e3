"""Who is in which team, as what."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from portal.desk.base import DeskAdmin, EstimatedPaginator
from portal.desk.columns import fact, label, link


@admin.register(Membership)
class MembershipAdmin(DeskAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    search_fields = ["team__name", "user__email"]
    list_display = ["person", "where", "as_what", "credits", "videos", "since"]
    list_filter = ["role"]
    list_select_related = ["team", "user"]
    # The first columns are links to other rows, and a link in a link is none.
    list_display_links = ["since"]
    fields = [("person", "where", "as_what"), ("credits", "videos", "since")]

    person = link("user", _("Person"))
    where = link("team", _("Team"))
    as_what = label("role", _("Role"), {"owner": "primary", "admin": "warning", "member": "info", "viewer": "info"})
    credits = fact("credits_per_month", _("Credits a month"))
    videos = fact("videos_per_day", _("Videos a day"))
    since = fact("created_at", _("Since"))
