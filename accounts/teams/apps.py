from django.apps import AppConfig
from django.conf import settings

from common.tasks.registry import Task, register


class TeamsConfig(AppConfig):
    """Teams: invitations, members and their roles, settings, audit log, deleting a team."""

    name = "accounts.teams"

    def ready(self) -> None:
        from accounts.teams.services import delete_due_teams  # noqa: PLC0415 (models load first)

        register(Task("delete_due_teams", "files", delete_due_teams, settings.MAINTENANCE_INTERVAL_SECONDS))
