"""Locks of a process that is suspended in a transaction are released soon."""

from django.conf import settings
from django.db import connection


def test_the_server_ends_a_session_that_is_idle_in_a_transaction(db: None) -> None:
    """A worker suspended during a claim would hold the lock of its pool, and no other worker could claim."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("10s",)
    assert settings.DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS < settings.LEASE_TIMEOUT_SECONDS / 2
