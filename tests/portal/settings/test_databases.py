"""Locks of a process that is frozen in mid-transaction are not held for long."""

from django.conf import settings
from django.db import connection


def test_the_server_ends_a_session_that_sits_in_a_transaction(db):
    """A worker that was frozen in mid-claim would hold the pool's lock, and nobody else could claim."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("10s",)
    assert settings.DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS < settings.LEASE_TIMEOUT_SECONDS / 2
