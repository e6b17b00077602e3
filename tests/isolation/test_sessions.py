"""A database session has the tenant of the code that uses it, at every statement, and is returned without one."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts import tenancy
from accounts.models import ApiKey
from accounts.tenancy.postgres.base import DatabaseWrapper
from jobs.models import Job
from tests.isolation.world import World

WHERE = "SELECT current_user, COALESCE(current_setting('mutoscope.team', true), '')"
OWNER, TENANT = "postgres", "mutoscope_tenant"


def where(using: BaseDatabaseWrapper = connection) -> tuple[str, str]:
    with using.cursor() as cursor:
        cursor.execute(WHERE)
        found: tuple[str, str] = cursor.fetchone()
    return found


def enter(team_id: int) -> None:
    tenancy.activate(team_id=team_id, user_id=1)


@pytest.fixture
def pooled(transactional_db: None) -> Iterator[DatabaseWrapper]:
    """A connection like those of the ASGI process, from a pool of one."""
    options = connection.settings_dict["OPTIONS"] | {"pool": {"min_size": 1, "max_size": 1, "timeout": 5}}
    settings = connection.settings_dict | {"OPTIONS": options, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    wrapper = DatabaseWrapper(settings, alias="default")  # Django looks up types by a known alias
    yield wrapper
    wrapper.close()
    wrapper.close_pool()  # type: ignore[attr-defined]  # django-stubs has no pools


def in_pool(wrapper: DatabaseWrapper) -> tuple[str, str]:
    """Return the state of the pool's one session, without the code that would correct it."""
    pool: Any = wrapper.pool  # type: ignore[attr-defined]  # django-stubs has no pools
    session = pool.getconn()
    try:
        found: tuple[str, str] | None = psycopg.Connection.execute(session, WHERE).fetchone()
    finally:
        pool.putconn(session)
    assert found is not None
    return found


def test_a_statement_runs_as_the_tenant_of_the_code(db: None) -> None:
    assert where() == (OWNER, "")
    enter(7)
    assert where() == (TENANT, "7")
    with tenancy.unscoped():
        assert where() == (OWNER, "")
        enter(8)  # another sign-in
        assert where() == (OWNER, "")
    assert where() == (TENANT, "8")
    tenancy.deactivate()
    assert where() == (OWNER, "")


@pytest.mark.django_db(transaction=True)
def test_a_rollback_does_not_reset_the_tenant() -> None:
    """A rollback reverts what was set within the transaction: the session would keep no tenant."""
    for fails in (False, True):
        tenancy.deactivate()
        with suppress(ZeroDivisionError), transaction.atomic():
            assert where() == (OWNER, "")
            enter(7)
            assert where() == (TENANT, "7")
            if fails:
                raise ZeroDivisionError
        assert where() == (TENANT, "7")


@pytest.mark.django_db(transaction=True)
def test_a_rollback_to_a_savepoint_does_not_reset_the_tenant() -> None:
    with transaction.atomic():
        with suppress(ZeroDivisionError), transaction.atomic():
            enter(7)
            assert where() == (TENANT, "7")
            raise ZeroDivisionError
        assert where() == (TENANT, "7")
    tenancy.deactivate()
    with transaction.atomic():
        with suppress(Exception), transaction.atomic(), connection.cursor() as cursor:
            enter(7)
            cursor.execute("SELECT 1 / 0")
        assert where() == (TENANT, "7")


@pytest.mark.django_db(transaction=True)
def test_the_commit_of_a_failed_transaction_does_not_reset_the_tenant() -> None:
    """The server responds with a rollback, and Django gets no error."""
    connection.set_autocommit(False)
    try:
        enter(7)
        assert where() == (TENANT, "7")
        with suppress(Exception), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        connection.commit()
        assert where() == (TENANT, "7")
    finally:
        connection.rollback()
        connection.set_autocommit(True)


def test_a_new_connection_within_a_request_has_the_tenant(pooled: DatabaseWrapper) -> None:
    enter(7)
    for _ in range(3):
        assert where(pooled) == (TENANT, "7")
        pooled.close()  # as /generate does while it waits
        assert in_pool(pooled) == (OWNER, "")


def test_an_open_transaction_does_not_reach_the_pool(pooled: DatabaseWrapper) -> None:
    """The end of the transaction would restore the earlier state of the session."""
    enter(7)
    assert where(pooled) == (TENANT, "7")
    pooled.set_autocommit(False)
    with tenancy.unscoped():
        assert where(pooled) == (OWNER, "")
    pooled.close()
    assert in_pool(pooled) == (OWNER, "")
    tenancy.deactivate()
    assert where(pooled) == (OWNER, "")


def test_a_failed_transaction_does_not_reach_the_pool(pooled: DatabaseWrapper) -> None:
    enter(7)
    assert where(pooled) == (TENANT, "7")
    pooled.set_autocommit(False)
    with suppress(Exception), pooled.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    pooled.close()
    assert in_pool(pooled) == (OWNER, "")


def test_a_session_that_cannot_be_reset_is_closed(pooled: DatabaseWrapper, db: None) -> None:
    enter(7)
    where(pooled)
    session = pooled.connection
    with connection.cursor() as cursor, tenancy.unscoped():
        cursor.execute("SELECT pg_terminate_backend(%s)", [session.info.backend_pid])
    pooled.close()
    assert session.closed
    assert in_pool(pooled) == (OWNER, "")


def test_the_session_knows_the_writer_and_reads_need_no_round_trip(db: None, rf: Any) -> None:
    enter(7)
    assert where() == (TENANT, "7")
    state = connection.connection.tenant_state
    request = rf.get("/")
    request.request_id = "request-1"
    tenancy.bind_request(request)
    enter(7)
    assert where() == (TENANT, "7")
    assert connection.connection.tenant_state is state  # reading set nothing again: no round trip
    Job.objects.update(prompt="nobody's")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('mutoscope.actor', true)")
        assert "request-1" in cursor.fetchone()[0]


def in_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return the coroutine's result. The thread that queried the database closes its connection."""

    async def run() -> Any:
        try:
            return await coroutine
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(run())


def test_two_concurrent_requests_have_separate_tenants(transactional_db: None) -> None:
    async def request(team_id: int) -> set[tuple[str, str]]:
        enter(team_id)
        seen = set()
        for _ in range(20):
            seen.add(await sync_to_async(where)())
            await asyncio.sleep(0)
        return seen

    async def both() -> list[set[tuple[str, str]]]:
        return list(await asyncio.gather(request(7), request(8)))

    assert in_loop(both()) == [{(TENANT, "7")}, {(TENANT, "8")}]


def test_a_tenant_set_in_a_thread_holds_in_the_coroutine_and_the_next_thread(transactional_db: None) -> None:
    async def request() -> Any:
        await sync_to_async(enter)(7)
        return await sync_to_async(where)()

    assert in_loop(request()) == (TENANT, "7")


def test_rows_of_other_teams_are_invisible(world: World) -> None:
    enter(world.mallory.team.pk)
    assert (Job.objects.count(), ApiKey.objects.count()) == (0, 0)
    enter(world.owner.team.pk)
    assert (Job.objects.count(), ApiKey.objects.count()) == (2, 1)
