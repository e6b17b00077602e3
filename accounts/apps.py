from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who the users are, which teams they form, and the keys that speak for them."""

    name = "accounts"
