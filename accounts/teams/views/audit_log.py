"""The team's audit log, for owners and admins."""

from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.audit.models import AuditEntry, Verb
from accounts.auth.decorators import team_member_required
from accounts.auth.principals import Principal
from accounts.models import User
from accounts.roles import Right
from accounts.teams.audit_log_messages import MODEL_LABELS, EntryNames, messages_of_entry
from common.pagination import KeysetPaginator, parse_integer_id

_PAGE_SIZE = 50


@require_safe
@team_member_required()
def audit_log(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """List the entries, newest first. `who`: a user id, `what`: a model, `after`: last entry of the previous page."""
    principal.require_right(Right.SEE_AUDIT_LOG)
    who, what, after = (_query_parameter(request, name) for name in ("who", "what", "after"))
    # Changes of a wallet are shown only if the plan changed; the ledger shows the credits.
    plan_unchanged = Q(model="quota.Wallet") & (Q(verb=Verb.INSERT) | ~Q(changes__has_key="plan_id"))
    entries = AuditEntry.objects.for_team(principal.team).exclude(plan_unchanged).select_related("api_key")
    if number := parse_integer_id(who):
        entries = entries.filter(actor=number)
    if what in MODEL_LABELS:
        entries = entries.filter(model=what)
    page = KeysetPaginator(entries, _PAGE_SIZE, prefix="").get_page(after)
    names = EntryNames.of(page.rows)
    next_parameters = {"who": who, "what": what, "after": page.next_after} if page.has_more else {}
    context = {
        "entries": [(entry, messages_of_entry(entry, names)) for entry in page.rows],
        "people": User.objects.filter(memberships__team=principal.team).order_by("email"),
        "kinds": MODEL_LABELS.items(),
        "who": who,
        "what": what,
        "next": urlencode({name: value for name, value in next_parameters.items() if value}),
    }
    return render(request, "teams/audit_log.html", context)


def _query_parameter(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "")[:64]
