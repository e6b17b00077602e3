"""URL configuration of the site, shared by `web` and `live` processes."""

from allauth.account.views import logout
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.auth import sso
from accounts.auth.impersonation import Access, impersonation
from portal.metrics.views import metrics
from portal.web import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("health", health.health, name="health"),
    path("metrics", metrics, name="metrics"),
    path("accounts/oidc/<str:provider_id>/login/", sso.sign_in),
    path("accounts/logout/", impersonation(Access.END)(logout)),
    path("accounts/", include("allauth.urls")),
    path("", include("jobs.webhooks.urls")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("portal.admin.urls")),
    path("", include("jobs.videos.api.urls")),
    path("", include("jobs.galleries.api.urls")),
    path("", include("jobs.batches.urls")),
    path("replicate/v1/", include("jobs.compat.replicate.urls")),
    path("fal/", include("jobs.compat.fal.urls")),
    path("", include("accounts.teams.urls")),
    path("", include("accounts.keys.urls")),
    path("", include("accounts.people.urls")),
    path("", include("jobs.exports.urls")),
    path("", include("accounts.quota.views.urls")),
    path("", include("jobs.videos.views.urls")),
    path("", include("jobs.galleries.views.urls")),
    # Last: it matches all other URLs under /docs.
    path("", include("portal.docs.urls")),
]

handler400 = "portal.web.error_handlers.bad_request"
handler403 = "portal.web.error_handlers.permission_denied"
handler404 = "portal.web.error_handlers.page_not_found"
handler500 = "portal.web.error_handlers.server_error"
