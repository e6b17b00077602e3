"""Django's PostgreSQL backend with sessions that follow the tenant context of the running code."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from accounts import tenancy

_READ_STATEMENTS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "FETCH", "CLOSE")
# One round trip. set_config('role') is SET ROLE; from then on row-level security applies, even to a superuser.
_SET_STATE = """
SELECT set_config('role', %s, false), set_config('mutoscope.team', %s, false), set_config('mutoscope.actor', %s, false)
"""


@dataclass(frozen=True)
class SessionState:
    """State of a server session: the team of its row policies (None: no role), and the actor for the audit log."""

    team_id: int | None = None
    actor: str = ""  # JSON, read by the audit triggers


class DatabaseWrapper(base.DatabaseWrapper):  # the stubs lack the overridden methods
    """Sets the session's state before each statement, if it differs from the tenant context.

    The state is stored on the connection object of psycopg, which goes through the pool together with the session.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(self._in_tenant_state)

    def _in_tenant_state(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        session = self.connection
        # A failed transaction accepts only a rollback, which also reverts the settings made in it.
        if session.info.transaction_status != TransactionStatus.INERROR:
            self._apply_state(session, reads=str(sql).lstrip()[:9].upper().startswith(_READ_STATEMENTS))
        return execute(sql, params, many, context)

    def _apply_state(self, session: Any, *, reads: bool) -> None:
        tenant_state: SessionState | None = getattr(session, "tenant_state", SessionState())
        tenant = tenancy.current()
        # Reads are not audited: a different actor alone is not worth a round trip.
        if tenant_state is not None and tenant_state.team_id == tenant.scoped_team_id and reads:
            return
        audit_facts = tenant.audit_facts()
        target = SessionState(tenant.scoped_team_id, json.dumps(audit_facts) if audit_facts else "")
        if tenant_state != target:
            with self.wrap_database_errors:
                _set_tenant_state(session, target)

    def _forget_tenant_state(self) -> None:
        """Mark the state as unknown: a rollback reverted it. The next statement sets it again."""
        if self.connection is not None:
            self.connection.tenant_state = None

    def _rollback(self) -> None:
        self._forget_tenant_state()
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._forget_tenant_state()

    def _commit(self) -> None:
        if self.connection is not None and self.connection.info.transaction_status == TransactionStatus.INERROR:
            self._forget_tenant_state()  # the server turns this commit into a rollback
        super()._commit()  # type: ignore[misc]

    def _close(self) -> None:
        """Reset the state before the session returns to the pool; close the session if that fails."""
        session = self.connection
        if self.pool is not None and session is not None and hasattr(session, "tenant_state"):  # type: ignore[attr-defined]
            try:
                # Ending an open transaction could restore an earlier state.
                if session.info.transaction_status != TransactionStatus.IDLE:
                    session.close()
                elif session.tenant_state != SessionState():
                    _set_tenant_state(session, SessionState())
            except psycopg.Error:
                session.close()
        super()._close()  # type: ignore[misc]


def _set_tenant_state(session: Any, tenant_state: SessionState) -> None:
    scoped = tenant_state.team_id is not None
    role = settings.TENANT_ROLE if scoped else "none"
    session.execute(_SET_STATE, [role, str(tenant_state.team_id) if scoped else "", tenant_state.actor])
    session.tenant_state = tenant_state
