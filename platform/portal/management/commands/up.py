"""`manage.py up`: see `portal.up`."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.environment import add_arguments
from portal.up import Portal


class Command(BaseCommand):
    help = "Runs the whole portal on this machine: PostgreSQL, Valkey, web and workers, with one log. Ctrl-C ends it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        sys.exit(Portal(host=options["host"], port=options["port"]).run())
