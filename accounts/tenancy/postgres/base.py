"""Django's PostgreSQL backend, whose connections stand behind the wall that the running code demands."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from accounts import tenancy

_READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "FETCH", "CLOSE")
# One round trip. set_config('role') is SET ROLE; from then on row-level security applies, even to a superuser.
_PLACE = """
SELECT set_config('role', %s, false), set_config('mutoscope.team', %s, false), set_config('mutoscope.actor', %s, false)
"""


@dataclass(frozen=True)
class Place:
    """Where a server's session is: behind which team's wall (None: behind none), and for whom it writes."""

    team_id: int | None = None
    actor: str = ""  # JSON, read by the audit's trigger


class DatabaseWrapper(base.DatabaseWrapper):  # its stubs leave out what is overridden here
    """Before each statement the session is brought to the standing of the running code, where it differs.

    The place is kept at the server session's own object, which goes through the pool with it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(self._in_place)

    def _in_place(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        session = self.connection
        # In a failed transaction nothing but its rollback is heard, which also takes back what was set in it.
        if session.info.transaction_status != TransactionStatus.INERROR:
            self._move(session, reads=str(sql).lstrip()[:9].upper().startswith(_READS))
        return execute(sql, params, many, context)

    def _move(self, session: Any, *, reads: bool) -> None:
        place: Place | None = getattr(session, "place", Place())
        standing = tenancy.present()
        # Who reads is not recorded: that alone is not worth a round trip.
        if place is not None and place.team_id == standing.walled_team and reads:
            return
        facts = standing.facts()
        wanted = Place(standing.walled_team, json.dumps(facts) if facts else "")
        if place != wanted:
            with self.wrap_database_errors:
                _set_place(session, wanted)

    def _forget_place(self) -> None:
        """A rollback took the session back to some earlier place: the next statement sets it anew."""
        if self.connection is not None:
            self.connection.place = None

    def _rollback(self) -> None:
        self._forget_place()
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._forget_place()

    def _commit(self) -> None:
        if self.connection is not None and self.connection.info.transaction_status == TransactionStatus.INERROR:
            self._forget_place()  # the server answers this commit with a rollback
        super()._commit()  # type: ignore[misc]

    def _close(self) -> None:
        """No session goes back to the pool from behind a wall: one that cannot be brought out is ended."""
        session = self.connection
        if self.pool is not None and session is not None and hasattr(session, "place"):  # type: ignore[attr-defined]
            try:
                # The end of an open transaction may put it behind a wall again.
                if session.info.transaction_status != TransactionStatus.IDLE:
                    session.close()
                elif session.place != Place():
                    _set_place(session, Place())
            except psycopg.Error:
                session.close()
        super()._close()  # type: ignore[misc]


def _set_place(session: Any, place: Place) -> None:
    walled = place.team_id is not None
    role = settings.TENANT_ROLE if walled else "none"
    session.execute(_PLACE, [role, str(place.team_id) if walled else "", place.actor])
    session.place = place
