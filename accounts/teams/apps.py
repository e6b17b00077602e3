from django.apps import AppConfig


class TeamsConfig(AppConfig):
    """Teams: invitations, members and their roles, settings, audit log, closing a team."""

    name = "accounts.teams"
