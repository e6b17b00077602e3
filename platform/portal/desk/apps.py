from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.utils.translation import gettext_lazy as _


class DeskConfig(AppConfig):
    """The administrator's desk: the admin site with its dashboard, announcements, viewing as another person."""

    name = "portal.desk"
    label = "desk"
    verbose_name = _("House")

    def ready(self) -> None:
        # Named here, and found by no search: other packages' admin classes would put their tables on the desk.
        from portal.desk import rooms  # noqa: F401, PLC0415 (it needs the models to be loaded)


class DeskAdminConfig(SimpleAdminConfig):
    """Django's admin with our site in the place of its own."""

    default_site = "portal.desk.site.DeskSite"
