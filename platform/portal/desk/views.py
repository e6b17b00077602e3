"""The desk's two buttons on everybody's pages."""

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.desk.announcements import dismiss
from portal.desk.impersonation import end_view


@require_POST
def stop_viewing(request: HttpRequest) -> HttpResponseBase:
    """Back to the desk, as oneself."""
    if end_view(request):
        messages.success(request, _("You are yourself again."))
    return redirect("admin:index")


@require_POST
def dismiss_announcement(request: HttpRequest, key: int) -> HttpResponseBase:
    dismiss(request, key)
    came_from = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(came_from, allowed_hosts={request.get_host()})
    return redirect(came_from if safe and came_from.startswith("/") else "create")
