"""The side worker goes on, whatever becomes of a task."""

import psycopg
import pytest
from django.db import DatabaseError, connection

from accounts.models import User
from jobs.worker.maintenance import MaintenanceWorker


def cut_off() -> None:
    """Ends this thread's session from another one, as a restart of the server does."""
    settings = connection.settings_dict
    pid = connection.connection.info.backend_pid
    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"], dbname=settings["NAME"], autocommit=True
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def list_people_while_the_server_goes() -> None:
    rows = User.objects.iterator()
    assert next(rows).email == "alice@example.com"
    cut_off()
    rows.close()


def ask_while_the_server_goes() -> None:
    User.objects.count()
    cut_off()
    with pytest.raises(DatabaseError):
        User.objects.count()
    User.objects.count()


@pytest.mark.parametrize("task", [list_people_while_the_server_goes, ask_while_the_server_goes])
def test_a_task_that_loses_the_database_ends_neither_the_others_nor_the_worker(task, transactional_db):
    User.objects.create_user("alice@example.com")
    counted = []

    def count() -> None:
        counted.append(User.objects.count())
        worker.stop_requested = len(counted) == 2

    worker = MaintenanceWorker(tasks=[task, count])
    worker.run()
    assert counted == [1, 1]
