from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.utils.translation import gettext_lazy as _


class PortalAdminConfig(AppConfig):
    """The administrator's desk: the admin site with its dashboard, announcements, viewing as another person."""

    name = "portal.admin"
    label = "desk"
    verbose_name = _("System")

    def ready(self) -> None:
        # Named here, and found by no search: other packages' admin classes would put their tables on the desk.
        from portal.admin import registry  # noqa: F401, PLC0415 (it needs the models to be loaded)


class AdminSiteConfig(SimpleAdminConfig):
    """Django's admin with our site in the place of its own."""

    default_site = "portal.admin.site.AdminSite"
