from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.utils.translation import gettext_lazy as _


class PortalAdminConfig(AppConfig):
    """The administration site with its dashboard, announcements and impersonation."""

    name = "portal.admin"
    label = "desk"
    verbose_name = _("System")

    def ready(self) -> None:
        # Registered explicitly: autodiscovery would add the tables of other packages.
        from portal.admin import registry  # noqa: F401, PLC0415 (it needs the models to be loaded)


class AdminSiteConfig(SimpleAdminConfig):
    """Django's admin with our site as the default."""

    default_site = "portal.admin.site.AdminSite"
