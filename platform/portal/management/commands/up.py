"""`manage.py up`: runs `portal.embedded.portal`."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.embedded.environment import add_arguments
from portal.embedded.portal import EmbeddedPortal


class Command(BaseCommand):
    help = "Runs the whole portal on this machine: PostgreSQL, Valkey, web and workers, with one log. Ctrl-C stops it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        sys.exit(EmbeddedPortal(host=options["host"], port=options["port"]).run())
