"""Prepared statements, planned once per session, for queries of nearly every API request.

Django's cursors interpolate the parameters, so PostgreSQL plans each statement again. Planning these takes ten times
as long as running them.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import InterfaceError, NotSupportedError, OperationalError, connection

FetchedRow = tuple[Any, ...] | None


def fetch_one(statement: str, parameters: Mapping[str, Any]) -> FetchedRow:
    """Return the first row of a statement, run in the current tenant context.

    Outside a transaction it retries once after two failures: a read after the server closed the session, which Django
    would detect with a query per request; and a plan that a migration has invalidated, which is prepared again. In a
    transaction such a plan raises OperationalError, and the transaction can be retried as after any outage.
    """
    try:
        return _run(statement, parameters)
    except NotSupportedError as error:
        if not _is_outdated_plan(error):
            raise
        if connection.in_atomic_block:  # its rollback discards the session's plans
            raise OperationalError("A migration has changed the columns of this statement.") from error
        _deallocate_plans()
    except (OperationalError, InterfaceError):
        session = connection.connection
        reads = statement.lstrip().startswith("SELECT")  # safe to repeat
        if session is None or not session.closed or connection.in_atomic_block or not reads:
            raise
        connection.close()
    return _run(statement, parameters)


def _is_outdated_plan(error: NotSupportedError) -> bool:
    """Return whether a migration changed the type of a result column: PostgreSQL then rejects the statement unexecuted.

    Recognized by the function in PostgreSQL's source, since the text depends on the server's language.
    """
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and cause.diag.source_function == "RevalidateCachedQuery"


def _deallocate_plans() -> None:
    """Deallocate all prepared statements of this session; the others are probably stale too.

    psycopg notices it and resets its counters.
    """
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


def _run(statement: str, parameters: Mapping[str, Any]) -> FetchedRow:
    connection.ensure_connection()
    # Django's wrapper around a cursor with server-side parameters: errors, tenant state and logging work as usual.
    with connection._prepare_cursor(psycopg.Cursor(connection.connection)) as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement, parameters)
        row: FetchedRow = cursor.fetchone()
    connection.health_check_done = True  # type: ignore[attr-defined]
    return row
