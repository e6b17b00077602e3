"""The licences of the models of this site: accept those that need it, and withdraw an acceptance."""

from collections.abc import Callable
from typing import cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.auth.form_nonce import submit_once
from accounts.models import User
from common.errors import Conflict
from jobs.licenses.models import LicenseAcceptance
from jobs.licenses.selectors import current_acceptances, find_licensed_model
from jobs.licenses.services import accept_license, withdraw_acceptances
from jobs.videos.submission import enabled_models
from portal.admin.base import BaseAdmin

_LIST = "admin:licenses_licenseacceptance_changelist"


@admin.register(LicenseAcceptance)
class LicenseAdmin(BaseAdmin):
    """Lists the models of this site instead of the rows of the table: most models have none."""

    def get_urls(self) -> list[URLPattern]:
        routes: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
            "licenses_licenseacceptance_changelist": ("", self.models_view),
            "accept_license": ("<str:model_name>/accept/", require_POST(self.accept_view)),
            "withdraw_license": ("<str:model_name>/withdraw/", require_POST(self.withdraw_view)),
        }
        return [path(route, self.admin_site.admin_view(view), name=name) for name, (route, view) in routes.items()]

    def models_view(self, request: HttpRequest) -> HttpResponseBase:
        """List the models of this site with their licences."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        descriptors = enabled_models()
        acceptances = current_acceptances(descriptors)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Model licences"),
            "opts": self.opts,
            "models": [(descriptor, acceptances.get(descriptor.name)) for descriptor in descriptors],
            "may_accept": request.user.has_perm("licenses.add_licenseacceptance"),
            "may_withdraw": request.user.has_perm("licenses.delete_licenseacceptance"),
        }
        return TemplateResponse(request, "admin/licenses.html", context)

    def accept_view(self, request: HttpRequest, model_name: str) -> HttpResponseBase:
        """Accept the licence that the page has shown."""
        if not request.user.has_perm("licenses.add_licenseacceptance"):
            raise PermissionDenied
        descriptor = find_licensed_model(enabled_models(), model_name)
        if descriptor is None:
            raise Http404
        name, url = request.POST.get("license_name", ""), request.POST.get("license_url", "")

        def accept() -> HttpResponseBase:
            try:
                accept_license(descriptor, user=cast("User", request.user), name=name, url=url)
            except Conflict as error:
                messages.error(request, error.localized())
            else:
                text = _("The licence of %(model)s was accepted. Everybody can use the model now.")
                messages.success(request, text % {"model": descriptor.title})
            return redirect(_LIST)

        return submit_once(request, request.user.pk, accept)

    def withdraw_view(self, request: HttpRequest, model_name: str) -> HttpResponseBase:
        """Withdraw the acceptance of a licence."""
        if not request.user.has_perm("licenses.delete_licenseacceptance"):
            raise PermissionDenied
        descriptor = find_licensed_model(enabled_models(), model_name)
        if descriptor is None:
            raise Http404
        withdraw_acceptances(descriptor)
        text = _("The acceptance was withdrawn. %(model)s makes the videos that are queued, and takes no others.")
        messages.success(request, text % {"model": descriptor.title})
        return redirect(_LIST)
