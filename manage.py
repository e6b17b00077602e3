#!/usr/bin/env python
"""Runs the site's management commands: `python manage.py help`."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    # `platform/` itself goes on the path: a package of that name would shadow the standard library's module.
    sys.path.insert(1, str(ROOT / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 (needs the path above)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
