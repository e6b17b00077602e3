"""The admin site: for staff only, and only after a second factor."""

from collections.abc import Callable
from typing import Any, cast

from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import secure_admin_login
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from accounts.auth.second_factor import has_second_factor
from accounts.models import User
from portal.admin.dashboard import dashboard_context

# Unfold's Alpine.js evaluates expressions in attributes, and its theme is an inline style sheet.
_CONTENT_SECURITY_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class AdminSite(UnfoldAdminSite):
    """Requires a second factor in `admin_view`, which every page of the site goes through."""

    def admin_view(self, view: Callable[..., HttpResponseBase], cacheable: bool = False) -> Callable[..., Any]:
        inner = super().admin_view(view, cacheable)

        def view_with_second_factor(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response = _require_second_factor(request) or inner(request, *args, **kwargs)
            response._csp_replace = _CONTENT_SECURITY_POLICY  # type: ignore[union-attr]
            response.headers.setdefault("Cache-Control", "no-store, private")
            return response

        return view_with_second_factor

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = dashboard_context(request.GET.get("days", ""), cast("User", request.user))
        page: HttpResponse = super().index(request, {**context, **(extra_context or {})})
        return page

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Redirect to the sign-in page of allauth, with its rate limits and second factors. Reject non-staff."""
        response: HttpResponseBase = secure_admin_login(lambda _request: redirect("admin:index"))(request)
        return response

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        if request.method == "POST":
            logout(request)
        return redirect("account_login")


def _require_second_factor(request: HttpRequest) -> HttpResponseBase | None:
    """Return a redirect for staff whose session has not shown a second factor; otherwise None, also for non-staff."""
    user = request.user
    if not isinstance(user, User) or not (user.is_active and user.is_staff):
        return None
    if not has_second_factor(user):
        messages.warning(request, _("Administrators need a second factor. Set one up to open the administration site."))
        return redirect("mfa_index")
    if any(record.get("method") == "mfa" for record in get_authentication_records(request, user)):
        return None
    # The session began before the second factor was set up, with a password only.
    return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': request.get_full_path()})}")
