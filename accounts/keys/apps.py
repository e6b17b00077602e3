from django.apps import AppConfig


class KeysConfig(AppConfig):
    """The pages of API keys: a member's own, and all of a team for those who manage them."""

    name = "accounts.keys"
