from django.apps import AppConfig


class TeamsConfig(AppConfig):
    """Who is in a team and with which role: invitations, members, settings, the team's end."""

    name = "accounts.teams"
