from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """A person's own pages: name, language, sessions, closing the account."""

    name = "accounts.people"
