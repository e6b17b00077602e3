from django.apps import AppConfig


class DocsConfig(AppConfig):
    """Gives the guides a translation catalogue of their own."""

    name = "portal.docs"
