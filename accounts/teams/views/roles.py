"""The table of roles and their rights, generated from `accounts/roles.py`."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.auth.impersonation import Access, impersonation
from accounts.roles import RIGHTS_OF_ROLE, SCOPES_OF_ROLE, Right, Role, Scope


@impersonation(Access.READ)
@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    """Show the table. It is public, since it contains nothing of any team."""
    rows = [
        *((scope.label, scope.value, [scope in SCOPES_OF_ROLE[role] for role in Role]) for scope in Scope),
        *((right.label, "", [right in RIGHTS_OF_ROLE[role] for role in Role]) for right in Right),
    ]
    page = "app.html" if request.user.is_authenticated else "allauth/layouts/entrance.html"
    return render(request, "teams/roles.html", {"rows": rows, "roles": list(Role), "page": page})
