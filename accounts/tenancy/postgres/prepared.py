"""Statements that are planned once a session: for what is asked with nearly every call of the API.

Django's own cursors put the parameters into the text, and Postgres plans each anew: of these a plan takes ten times as
long as its answer.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import InterfaceError, NotSupportedError, OperationalError, connection

FetchedRow = tuple[Any, ...] | None


def fetch_one(statement: str, parameters: Mapping[str, Any]) -> FetchedRow:
    """The first row that a statement gives, run where the running code stands.

    Outside a transaction it makes up for what befell the session: one that reads finds out by itself that the server
    has ended it, where Django would ask before each request; and plans that a migration has outdated are made anew.
    Raises OperationalError for such a plan in a transaction, which may then be tried again as after any outage.
    """
    try:
        return _run(statement, parameters)
    except NotSupportedError as error:
        if not _is_outdated_plan(error):
            raise
        if connection.in_atomic_block:  # whose rollback has the session forget its plans
            raise OperationalError("A migration has just changed what this statement brings.") from error
        _deallocate_plans()
    except (OperationalError, InterfaceError):
        session = connection.connection
        reads = statement.lstrip().startswith("SELECT")  # twice does no harm
        if session is None or not session.closed or connection.in_atomic_block or not reads:
            raise
        connection.close()
    return _run(statement, parameters)


def _is_outdated_plan(error: NotSupportedError) -> bool:
    """A migration has changed the type of a column that the statement brings: Postgres refuses before it does anything.

    Known by the place in Postgres' own code: its words for it depend on the server's language.
    """
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and cause.diag.source_function == "RevalidateCachedQuery"


def _deallocate_plans() -> None:
    """Of the whole session: other plans are likely to be as old. psycopg hears it, and counts calls anew."""
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


def _run(statement: str, parameters: Mapping[str, Any]) -> FetchedRow:
    connection.ensure_connection()
    # Django's wrapper around a cursor that leaves the parameters to the server: errors, wall and log are as ever.
    with connection._prepare_cursor(psycopg.Cursor(connection.connection)) as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement, parameters)
        found: FetchedRow = cursor.fetchone()
    connection.health_check_done = True  # type: ignore[attr-defined]
    return found
