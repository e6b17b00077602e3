"""The team's audit log, for its admins: who did what, in sentences."""

from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.audit.models import AuditEntry, Verb
from accounts.models import User
from accounts.pages import team_page
from accounts.principals import Principal
from accounts.roles import Right
from accounts.teams.log_words import KINDS, Names, sentences
from common.pagination import keyset_page

_PAGE = 50
_LARGEST_KEY = 2**63 - 1


@require_safe
@team_page()
def log(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Newest first; `who` is a person's id, `what` a kind of thing, `after` the last entry of the page before."""
    principal.require_right(Right.SEE_AUDIT_LOG)
    who, what, after = (_filter(request, name) for name in ("who", "what", "after"))
    # Of a wallet the plan alone is of interest: the ledger tells about credits.
    plan_stays = Q(model="quota.Wallet") & (Q(verb=Verb.INSERT) | ~Q(changes__has_key="plan_id"))
    entries = AuditEntry.objects.for_team(principal.team).exclude(plan_stays).select_related("api_key")
    if number := _number(who):
        entries = entries.filter(actor=number)
    if what in KINDS:
        entries = entries.filter(model=what)
    page = keyset_page(entries, after=_number(after), limit=_PAGE)
    names = Names.of(page.rows)
    following = {"who": who, "what": what, "after": page.rows[-1].pk} if page.has_more else {}
    context = {
        "entries": [(entry, sentences(entry, names)) for entry in page.rows],
        "people": User.objects.filter(memberships__team=principal.team).order_by("email"),
        "kinds": KINDS.items(),
        "who": who,
        "what": what,
        "next": urlencode({name: value for name, value in following.items() if value}),
    }
    return render(request, "teams/log.html", context)


def _filter(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "")[:64]


def _number(text: str) -> int | None:
    """None for what is no key of a row."""
    number = int(text) if text.isascii() and text.isdecimal() else 0
    return number if 0 < number <= _LARGEST_KEY else None
