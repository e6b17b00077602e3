from django.apps import AppConfig


class KeysConfig(AppConfig):
    """API keys: the pages of a member's own keys, and of all keys of a team for those who manage them."""

    name = "accounts.keys"
