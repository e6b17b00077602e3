"""The audit log: who did what, when, from where; to read."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.audit.models import AuditEntry, Verb
from accounts.models import Team, User
from portal.admin.base import BaseAdmin, EstimatedPaginator
from portal.admin.columns import field_column, label_column, link_column

_VERB_COLOURS = {
    Verb.INSERT: "success",
    Verb.UPDATE: "info",
    Verb.DELETE: "danger",
    Verb.SIGN_IN_FAILED: "warning",
    Verb.SECOND_FACTOR_FAILED: "warning",
    Verb.KEY_REFUSED: "warning",
    Verb.IMPERSONATION_BEGAN: "warning",
    Verb.ADMIN_ACTION: "primary",
}


@admin.register(AuditEntry)
class AuditEntryAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    search_fields = ["row_id"]
    search_help_text = _("A team, an email address, or the number of a row")
    list_display = ["when", "what", "table", "row", "who", "whose", "where"]
    list_filter = ["verb", "model", "at"]
    list_select_related = ["team", "actor", "impersonator", "api_key"]
    fields = [
        ("when", "what", "where"),
        ("who", "acting", "key"),
        ("whose", "table", "row"),
        ("asked", "process"),
        "differences",
    ]

    when = field_column("at", _("When"), ordering="id")
    what = label_column("verb", _("What"), {verb.value: colour for verb, colour in _VERB_COLOURS.items()})
    table = field_column("model", _("Table"))
    row = field_column("row_id", _("Row"))
    who = link_column("actor", _("Who"))
    acting = link_column("impersonator", _("Through whom"))
    key = link_column("api_key", _("API key"))
    whose = link_column("team", _("Team"))
    where = field_column("ip", _("Address"))
    asked = field_column("request_id", _("Request"))
    process = field_column("system", _("Process"))

    @display(description=_("Changes"))
    def differences(self, entry: AuditEntry) -> Any:
        rows = (
            (
                found.column,
                *(("••••", _("changed")) if found.secret else (_format_value(found.old), _format_value(found.new))),
            )
            for found in entry.differences
        )
        return format_html_join("", '<div class="desk-change"><b>{}</b> <del>{}</del> <ins>{}</ins></div>', rows)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """By index: the team's, the actor's, or a row's entries."""
        term = search_term.strip().replace("\0", "")
        if not term:
            return queryset, False
        people = list(User.objects.filter(email__iexact=term).values_list("pk", flat=True)[:10])
        teams = list(Team.objects.filter(name__iexact=term).values_list("pk", flat=True)[:100])
        conditions = Q(actor__in=people) | Q(impersonator__in=people) | Q(team__in=teams) | Q(row_id=term)
        return queryset.filter(conditions), False


def _format_value(value: Any) -> str:
    return "" if value is None else str(value)
