from django.apps import AppConfig


class DocsConfig(AppConfig):
    """Its own catalogue of translations."""

    name = "portal.docs"
