from django.apps import AppConfig


class PortalConfig(AppConfig):
    """The composition root: settings, URLs, servers, and the management commands that run them."""

    name = "portal"
