"""The impersonation log: who impersonated whom, why and when. Read-only."""

from django.contrib import admin

from portal.admin.base import BaseAdmin
from portal.admin.models import Impersonation


@admin.register(Impersonation)
class ImpersonationAdmin(BaseAdmin):
    search_fields = ["administrator__email", "person__email", "reason"]
    link_fields = ("administrator", "person")
    list_display = ["started_at", "administrator_link", "person_link", "reason", "client_ip", "ended_at"]
    list_filter = ["started_at"]
    list_select_related = ["administrator", "person"]
    fields = [("administrator_link", "person_link"), "reason", ("started_at", "ended_at", "client_ip")]
