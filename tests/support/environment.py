"""The environment of processes of the site that share this test's database and files."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection


def process_environment(variables: dict[str, Any]) -> dict[str, str]:
    root = Path(settings.ROOT)
    # Each kind of process decides itself whether it enables long polling.
    inherited = {name: value for name, value in os.environ.items() if name != "LONG_POLLING_ENABLED"}
    storages: Any = settings.STORAGES
    storage = storages["default"]["OPTIONS"]
    shared = {
        "DATABASE_URL": database_url(),
        "PYTHONPATH": os.pathsep.join([str(root), str(root / "platform")]),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        **({"MEDIA_ROOT": storage["location"]} if "location" in storage else {}),
    }
    return {**inherited, **shared, **{name: str(value) for name, value in variables.items()}}


def web_environment(variables: dict[str, Any]) -> dict[str, str]:
    """The environment of a web process; for its timeout of Redis see `tests/settings.py`."""
    return process_environment({"REDIS_TIMEOUT_SECONDS": 30, **variables})


def database_url() -> str:
    """The URL of this test's database."""
    address = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(address._replace(path="/" + str(connection.settings_dict["NAME"])))
