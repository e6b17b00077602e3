"""Distinguishes an unreachable database from a programming error: only the first is worth a retry."""

from django.db import Error, InterfaceError, OperationalError

# This process was suspended in the middle of a transaction, and the server ended its session to release its locks.
_IDLE_IN_TRANSACTION_SESSION_TIMEOUT = "25P03"


def is_transient(error: Exception) -> bool:
    """Return whether the same work may succeed on a new connection."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return (
        isinstance(error, Error) and getattr(error.__cause__, "sqlstate", None) == _IDLE_IN_TRANSACTION_SESSION_TIMEOUT
    )
