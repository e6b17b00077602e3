"""Views of the two buttons of the admin on other pages: stop an impersonation, dismiss an announcement."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.auth.impersonation import Access, impersonation
from portal.admin.announcements import dismiss


@impersonation(Access.END)
@require_POST
def stop_impersonation(request: HttpRequest) -> HttpResponseBase:
    """Go to the administration site. The middleware has ended the impersonation."""
    return redirect("admin:index")


@impersonation(Access.WRITE)
@require_POST
def dismiss_announcement(request: HttpRequest, key: int) -> HttpResponseBase:
    dismiss(request, key)
    next_url = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(next_url, allowed_hosts={request.get_host()})
    return redirect(next_url if safe and next_url.startswith("/") else "create")
