"""`manage.py create_team NAME --owner EMAIL`: creates a team and prints its number."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.commands._arguments import find_user
from accounts.models import Team
from accounts.teams.services import provision_team

_MAX_NAME_LENGTH = Team._meta.get_field("name").max_length or 0


class Command(BaseCommand):
    help = "Creates a team with its owner and a wallet. Prints only its number on standard output, for scripts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the team")
        parser.add_argument(
            "--owner", required=True, metavar="EMAIL", help="email address of the owner; the account must exist"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if not 0 < len(name) <= _MAX_NAME_LENGTH:
            raise CommandError(f"the name must have 1 to {_MAX_NAME_LENGTH} characters")
        team = provision_team(name=name, owner=find_user(options["owner"]))
        self.stdout.write(str(team.pk))
