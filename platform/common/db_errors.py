"""Tells a database that is away from a mistake of ours: the one is waited for, the other is not."""

from django.db import Error, InterfaceError, OperationalError

# This process was frozen in mid-transaction, and the server has ended its session so that others get the locks.
_IDLE_IN_TRANSACTION_SESSION_TIMEOUT = "25P03"


def is_transient(error: Exception) -> bool:
    """Whether the same work may succeed on a fresh connection."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return (
        isinstance(error, Error) and getattr(error.__cause__, "sqlstate", None) == _IDLE_IN_TRANSACTION_SESSION_TIMEOUT
    )
