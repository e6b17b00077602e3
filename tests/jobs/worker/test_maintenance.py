"""The maintenance worker continues after a failed task."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection

from accounts.models import User
from jobs.worker.maintenance import MaintenanceWorker


def terminate_session() -> None:
    """Terminate the database session of this thread from another session, as a restart of the server does."""
    settings = connection.settings_dict
    pid = connection.connection.info.backend_pid
    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"], dbname=settings["NAME"], autocommit=True
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def lose_connection_during_iteration() -> None:
    rows: Any = User.objects.iterator()
    assert next(rows).email == "alice@example.com"
    terminate_session()
    rows.close()


def lose_connection_between_queries() -> None:
    User.objects.count()
    terminate_session()
    with pytest.raises(DatabaseError):
        User.objects.count()
    User.objects.count()


@pytest.mark.parametrize("task", [lose_connection_during_iteration, lose_connection_between_queries])
def test_a_task_that_loses_the_database_stops_neither_other_tasks_nor_the_worker(
    task: Callable[[], None], transactional_db: None
) -> None:
    User.objects.create_user("alice@example.com")
    counts: list[int] = []

    def count_users() -> None:
        counts.append(User.objects.count())
        worker.stop_requested = len(counts) == 2

    worker = MaintenanceWorker(tasks=[task, count_users])
    worker.run()
    assert counts == [1, 1]
