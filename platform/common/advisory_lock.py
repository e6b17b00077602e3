"""Named locks among all processes, held in PostgreSQL: advisory locks. The server releases them with the session.

A name starts with the kind of work, such as "claim:cpu". Its id is PostgreSQL's own 64-bit hash of the name.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as AnyDatabaseError
from django.db import connection
from django.db.transaction import TransactionManagementError

_ID = "hashtextextended(%(lock)s::text, 0)"
# For a statement that does more than lock; the parameter `lock` is the name.
LOCK_IN_TRANSACTION = f"pg_advisory_xact_lock({_ID})"
_POLL_INTERVAL_SECONDS = 0.1


class LockTimeout(Exception):
    """Another process still holds the lock."""


def lock_in_transaction(name: str) -> None:
    """Wait for the lock and hold it until the present transaction ends."""
    _check_transaction()
    _call("pg_advisory_xact_lock", name)


def try_lock_in_transaction(name: str) -> bool:
    """Hold the lock until the present transaction ends. Return False if another process holds it."""
    _check_transaction()
    return _call("pg_try_advisory_xact_lock", name)


@contextmanager
def session_lock(name: str, *, timeout_seconds: float = 0) -> Iterator[None]:
    """Hold the lock while the block runs, without a transaction. Raise LockTimeout if it is not free in time.

    The block must not close the connection, and one thread must not ask twice for a lock: PostgreSQL would grant it.
    """
    deadline = time.monotonic() + timeout_seconds
    while not _call("pg_try_advisory_lock", name):
        if time.monotonic() >= deadline:
            raise LockTimeout(name)
        time.sleep(_POLL_INTERVAL_SECONDS)
    try:
        yield
    finally:
        _unlock(name)


def _unlock(name: str) -> None:
    """Release the lock. If that fails, the session is closed, since it must not return to a pool with the lock."""
    try:
        _call("pg_advisory_unlock", name)
    except AnyDatabaseError:
        if connection.connection is not None:
            connection.connection.close()


def _check_transaction() -> None:
    """Refuse a lock that would be released before this function returns."""
    if connection.get_autocommit():
        raise TransactionManagementError("A lock of a transaction needs one.")


def _call(function: str, name: str) -> bool:
    """Call a function of PostgreSQL with the id of the lock. Return whether it returned true."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({_ID})", {"lock": name})
        return cursor.fetchone()[0] is True
