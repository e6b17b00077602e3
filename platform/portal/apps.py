from django.apps import AppConfig

from common.multipart import read_forms_strictly


class PortalConfig(AppConfig):
    """The composition root: settings, URLs, servers, and the management commands that run them."""

    name = "portal"

    def ready(self) -> None:
        read_forms_strictly()
        from portal.settings import checks  # noqa: F401, PLC0415 (registers the checks; needs the models to be loaded)
