"""The audit log: who did what, when and from where. Read-only."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.audit.models import AuditEntry, Difference, Verb
from accounts.models import Team, User
from portal.admin.base import BaseAdmin, EstimatedPaginator

_VERB_COLORS = {
    Verb.INSERT: "success",
    Verb.UPDATE: "info",
    Verb.DELETE: "danger",
    Verb.SIGN_IN_FAILED: "warning",
    Verb.SECOND_FACTOR_FAILED: "warning",
    Verb.KEY_REFUSED: "warning",
    Verb.IMPERSONATION_BEGAN: "warning",
    Verb.IMPERSONATION_ACT: "info",
    Verb.IMPERSONATION_DENIED: "warning",
    Verb.ADMIN_ACTION: "primary",
}


@admin.register(AuditEntry)
class AuditEntryAdmin(BaseAdmin):
    paginator = EstimatedPaginator
    ordering = ["-id"]
    ordering_fields = {"at": "id"}
    search_fields = ["row_id"]
    search_help_text = _("Team name, email address or row ID")
    link_fields = ("team", "actor", "impersonator", "api_key")
    badge_fields = {"verb": {verb.value: color for verb, color in _VERB_COLORS.items()}}
    list_display = ["at", "verb_badge", "model", "row_id", "actor_link", "team_link", "ip"]
    list_filter = ["verb", "model", "at"]
    list_select_related = ["team", "actor", "impersonator", "api_key"]
    fields = [
        ("at", "verb_badge", "ip"),
        ("actor_link", "impersonator_link", "api_key_link"),
        ("team_link", "model", "row_id"),
        ("request_id", "system"),
        "changes_table",
    ]

    @display(description=_("Changes"))
    def changes_table(self, entry: AuditEntry) -> SafeString:
        rows = ((difference.column, *_old_and_new(difference)) for difference in entry.differences)
        return format_html_join("", '<div class="admin-change"><b>{}</b> <del>{}</del> <ins>{}</ins></div>', rows)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Search through indexes only: the entries of a team, of an actor or of a row."""
        term = search_term.strip().replace("\0", "")
        if not term:
            return queryset, False
        people = list(User.objects.filter(email=term).values_list("pk", flat=True)[:10])
        teams = list(Team.objects.filter(name__iexact=term).values_list("pk", flat=True)[:100])
        conditions = Q(actor__in=people) | Q(impersonator__in=people) | Q(team__in=teams) | Q(row_id=term)
        return queryset.filter(conditions), False


def _old_and_new(difference: Difference) -> tuple[Any, Any]:
    if difference.secret:
        return "••••", _("changed")
    return _format_value(difference.old), _format_value(difference.new)


def _format_value(value: Any) -> str:
    return "" if value is None else str(value)
