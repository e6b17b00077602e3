"""Who looked at the portal as whom."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from portal.desk.base import DeskAdmin
from portal.desk.columns import fact, link
from portal.desk.models import Impersonation


@admin.register(Impersonation)
class ImpersonationAdmin(DeskAdmin):
    search_fields = ["administrator__email", "person__email", "reason"]
    list_display = ["began", "who", "whom", "why", "where", "ended"]
    list_filter = ["started_at"]
    list_select_related = ["administrator", "person"]
    fields = [("who", "whom"), "why", ("began", "ended", "where")]

    began = fact("started_at", _("From"))
    ended = fact("ended_at", _("Until"))
    who = link("administrator", _("Administrator"))
    whom = link("person", _("Person"))
    why = fact("reason", _("Reason"))
    where = fact("client_ip", _("Address"))
