"""Advisory locks, held by a second session as another process would hold them."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError

from common.advisory_lock import (
    LOCK_IN_TRANSACTION,
    LockTimeout,
    lock_in_transaction,
    session_lock,
    try_lock_in_transaction,
)
from tests.support.interpreter import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

Lock = Callable[[str], AbstractContextManager[Any]]
TAKES_LOCK = re.compile(r"pg_(try_)?advisory_")
TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"


class OtherSession:
    """A session of another process."""

    def __init__(self) -> None:
        self.database: Any = connection.copy()
        self.database.inc_thread_sharing()

    def takes(self, name: str) -> bool:
        """Take the lock, or return False."""
        with self.database.cursor() as cursor:
            cursor.execute(TRY, [name])
            return bool(cursor.fetchone()[0])

    def release_all(self) -> None:
        with self.database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")


@pytest.fixture
def other() -> Iterator[OtherSession]:
    session = OtherSession()
    yield session
    session.database.close()


def locks_held() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_lock_of_a_transaction_ends_with_it(other: OtherSession) -> None:
    with transaction.atomic():
        lock_in_transaction("claim:test")
        assert not other.takes("claim:test")
        assert other.takes("claim:other")
    assert other.takes("claim:test")


def test_a_lock_of_a_transaction_ends_with_a_rollback(other: OtherSession) -> None:
    with pytest.raises(ValueError, match="no"), transaction.atomic():
        lock_in_transaction("claim:test")
        raise ValueError("no")
    assert other.takes("claim:test")


def test_a_lock_of_a_transaction_waits(other: OtherSession) -> None:
    assert other.takes("claim:test")
    taken = threading.Event()

    def take() -> None:
        with transaction.atomic():
            lock_in_transaction("claim:test")
            taken.set()
        connection.close()

    thread = threading.Thread(target=take)
    thread.start()
    while not is_somebody_waiting():
        assert not taken.is_set()
    other.release_all()
    thread.join(timeout=60)
    assert taken.is_set()


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("is_taken", [True, False])
def test_trying_does_not_wait(other: OtherSession, is_taken: bool) -> None:
    if is_taken:
        assert other.takes("purge")
    with transaction.atomic():
        assert try_lock_in_transaction("purge") is not is_taken
        assert locks_held() == (not is_taken)
    assert locks_held() == 0


@pytest.mark.parametrize("lock", [lock_in_transaction, try_lock_in_transaction])
def test_a_lock_of_a_transaction_needs_one(lock: Callable[[str], Any]) -> None:
    with pytest.raises(TransactionManagementError):
        lock("purge")


def test_the_fragment_takes_the_same_lock(other: OtherSession) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {LOCK_IN_TRANSACTION}", {"lock": "claim:test"})
        assert not other.takes("claim:test")


def test_a_lock_of_a_session_spans_transactions(other: OtherSession) -> None:
    with session_lock("variant:1"):
        with transaction.atomic():
            assert not other.takes("variant:1")
        assert not other.takes("variant:1")
    assert other.takes("variant:1")


def test_a_lock_of_a_session_is_released_after_an_error(other: OtherSession) -> None:
    with pytest.raises(ValueError, match="no"), session_lock("variant:1"):
        raise ValueError("no")
    assert other.takes("variant:1")


@pytest.mark.parametrize("timeout_seconds", [0, 0.2])
def test_a_lock_of_a_session_times_out(other: OtherSession, timeout_seconds: float) -> None:
    assert other.takes("variant:1")
    with pytest.raises(LockTimeout), session_lock("variant:1", timeout_seconds=timeout_seconds):
        pytest.fail("held by another session")
    assert locks_held() == 0


def test_a_lock_of_a_session_is_waited_for(other: OtherSession) -> None:
    assert other.takes("variant:1")
    timer = threading.Timer(0.2, other.release_all)
    timer.start()
    with session_lock("variant:1", timeout_seconds=60):
        assert not other.takes("variant:1")
    timer.join()


def test_no_lock_stays_behind_in_a_failed_transaction(other: OtherSession) -> None:
    """A failed transaction refuses the statement that unlocks. The session must not return to a pool with the lock."""
    with pytest.raises(OperationalError), transaction.atomic():
        with pytest.raises(ProgrammingError), session_lock("variant:1"), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert locks_held() == 0


def test_a_lock_ends_with_its_session(other: OtherSession) -> None:
    with session_lock("variant:1"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (process_id,) = cursor.fetchone()
        with other.database.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [process_id])
        assert other.takes("variant:1")
    connection.close()
    assert locks_held() == 0


def test_there_is_no_other_way_to_take_one() -> None:
    code = {path for folder in ("accounts", "jobs", "platform") for path in (ROOT / folder).rglob("*.py")}
    users = {path.relative_to(ROOT).as_posix() for path in code if TAKES_LOCK.search(path.read_text())}
    assert users == {"platform/common/advisory_lock.py"}
