"""Who looked at the portal as whom."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from portal.admin.base import BaseAdmin
from portal.admin.columns import field_column, link_column
from portal.admin.models import Impersonation


@admin.register(Impersonation)
class ImpersonationAdmin(BaseAdmin):
    search_fields = ["administrator__email", "person__email", "reason"]
    list_display = ["began", "who", "whom", "why", "where", "ended"]
    list_filter = ["started_at"]
    list_select_related = ["administrator", "person"]
    fields = [("who", "whom"), "why", ("began", "ended", "where")]

    began = field_column("started_at", _("From"))
    ended = field_column("ended_at", _("Until"))
    who = link_column("administrator", _("Administrator"))
    whom = link_column("person", _("Person"))
    why = field_column("reason", _("Reason"))
    where = field_column("client_ip", _("Address"))
