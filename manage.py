#!/usr/bin/env python
"""Runs the site's management commands: `python manage.py help`."""

import os
import sys
from io import TextIOWrapper
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    # `platform/` is added to the path: a package with this name would shadow the standard library's module.
    sys.path.insert(1, str(ROOT / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (needs the path above)

    from portal.embedded import environment  # noqa: PLC0415

    # A console that cannot show a team's name gets it escaped: the command has already done its work.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    command, *arguments = sys.argv[1:] or ["help"]
    # The application name in PostgreSQL's session list and in the audit log: it shows which command wrote.
    os.environ["PGAPPNAME"] = f"mutoscope {command}"[:63]
    if command in environment.COMMANDS:
        environment.prepare(arguments)
    try:
        execute_from_command_line(sys.argv)
    except Exception as error:
        hint = environment.startup_hint(error)
        if hint is None:
            raise
        sys.exit(hint)


if __name__ == "__main__":
    main()
