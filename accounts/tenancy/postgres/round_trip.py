"""A key and a row of its team in one round trip: into the wall by one statement, the row behind it, and out again."""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.pq import TransactionStatus

from accounts.tenancy.postgres.base import Place

# To stand in the list of columns of the statement that finds the team: from the next statement on the wall is there.
ENTER = "set_config('mutoscope.team', {team}::text, false), set_config('role', %(tenant_role)s, false)"
# The team behind whose wall the session is; none is equal to it while the session is behind no wall.
OWN_TEAM = "NULLIF(current_setting('mutoscope.team', true), '')::bigint"
_LEAVE = """
SELECT set_config('role', 'none', false), set_config('mutoscope.team', '', false),
       set_config('mutoscope.actor', '', false)
"""
Found = tuple[Any, ...] | None


def enter_and_look(enter: str, look: str, parameters: Mapping[str, Any]) -> tuple[Found, Found]:
    """The first row of each of two statements; `enter` contains ENTER. Both are planned once a session.

    Finds nothing, too, where the session has ended: whoever asks then goes the ordinary way, which connects anew or
    tells what is wrong.
    """
    connection.ensure_connection()
    session = connection.connection
    if session.info.transaction_status == TransactionStatus.INERROR:
        return None, None
    named = {**parameters, "tenant_role": settings.TENANT_ROLE}
    place, session.place = getattr(session, "place", Place()), None
    try:
        with session.pipeline():
            if place != Place():
                _run(session, _LEAVE)
            entered, looked = _run(session, enter, named), _run(session, look, named)
            _run(session, _LEAVE)
        found = entered.fetchone(), looked.fetchone()
    except psycopg.Error:
        return None, None
    session.place = Place()
    return found


def look(statement: str, parameters: Mapping[str, Any]) -> Found:
    """The first row of a statement that is soon planned once a session, read where the running code stands."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    # Django's wrapper around a cursor that leaves the parameters to the server: errors, wall and log are as ever.
    with connection._prepare_cursor(psycopg.Cursor(connection.connection)) as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement, parameters)
        found: Found = cursor.fetchone()
    return found


def _run(session: Any, statement: str, parameters: Mapping[str, Any] | None = None) -> "psycopg.Cursor[Any]":
    # Django's own cursors put the parameters into the text, and Postgres plans each anew.
    return psycopg.Cursor(session).execute(statement, parameters, prepare=True)
