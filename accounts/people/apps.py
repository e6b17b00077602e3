from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """The user's own pages: name, language, sessions, closing the account."""

    name = "accounts.people"
