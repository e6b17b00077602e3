"""Statements that are planned once a session: for what is asked with nearly every call of the API.

Django's own cursors put the parameters into the text, and Postgres plans each anew: of these a plan takes ten times as
long as its answer.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection

Found = tuple[Any, ...] | None


def first_row(statement: str, parameters: Mapping[str, Any]) -> Found:
    """The first row that a statement gives, run where the running code stands.

    Outside a transaction one that reads finds out by itself that the server has ended the session, where Django would
    ask before each request.
    """
    try:
        return _run(statement, parameters)
    except (OperationalError, InterfaceError):
        session = connection.connection
        reads = statement.lstrip().startswith("SELECT")  # twice does no harm
        if session is None or not session.closed or connection.in_atomic_block or not reads:
            raise
        connection.close()
        return _run(statement, parameters)


def _run(statement: str, parameters: Mapping[str, Any]) -> Found:
    connection.ensure_connection()
    # Django's wrapper around a cursor that leaves the parameters to the server: errors, wall and log are as ever.
    with connection._prepare_cursor(psycopg.Cursor(connection.connection)) as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement, parameters)
        found: Found = cursor.fetchone()
    connection.health_check_done = True  # type: ignore[attr-defined]
    return found
