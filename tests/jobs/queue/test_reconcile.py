"""The reconciler enqueues due maintenance tasks, and a step that fails does not keep it from the others."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from structlog.testing import capture_logs

from common.redis_client import redis_client
from common.tasks.queues import TASK_QUEUES
from common.tasks.registry import TASKS
from jobs.models import Job
from jobs.queue import reconcile
from jobs.queue.reconcile import enqueue_due_tasks

pytestmark = pytest.mark.django_db(transaction=True)


def waiting() -> set[str]:
    client: Any = redis_client()
    return {entry.decode() for queue in TASK_QUEUES for entry in client.lrange(f"rq:queue:{queue}", 0, -1)}


def test_every_periodic_task_is_enqueued_at_its_interval() -> None:
    enqueue_due_tasks()
    assert waiting() == {task.name for task in TASKS.values() if task.interval_seconds is not None}
    redis_client().delete(*(f"rq:queue:{queue}" for queue in TASK_QUEUES))
    enqueue_due_tasks()
    assert not waiting() & {"sweep_orphans", "check_ledger", "grant_due_monthly_credits"}


def test_one_reconciler_enqueues_at_a_time() -> None:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('reconcile:due_tasks', 0))")
        enqueue_due_tasks()
        assert waiting() == set()
        # Closing the session alone would release the lock a moment later.
        cursor.execute("SELECT pg_advisory_unlock_all()")
    enqueue_due_tasks()
    assert "dispatch_outbox" in waiting()
    other.close()


def test_a_step_that_fails_does_not_keep_the_others_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(reconcile, "expire_deadlines", fail)
    with capture_logs() as logs:
        reconcile.reconcile()
    assert [(log["event"], log["task"]) for log in logs] == [("reconcile_failed", "fail")]
    assert "dispatch_outbox" in waiting()


def test_a_queued_job_of_a_removed_pool_does_not_keep_other_pools_waiting(
    submit: Callable[..., Job], settings: Any
) -> None:
    settings.RQ_QUEUES = {name: options for name, options in settings.RQ_QUEUES.items() if name != "pool.cpu"}
    for pool in ("cpu", "gpu"):
        Job.objects.filter(pk=submit().pk).update(pool=pool)
    redis_client().delete("rq:queue:pool.gpu")
    for _ in range(2):  # no worker takes the first wake-up
        reconcile.notify_waiting_pools()
    assert redis_client().llen("rq:queue:pool.gpu") == 1


def test_monthly_credits_do_not_wait_behind_files_and_exports() -> None:
    assert {TASKS[name].queue for name in ("grant_due_monthly_credits", "create_due_warnings")} == {"mail"}


def test_the_intervals_of_tasks_are_settings() -> None:
    intervals = {name: task.interval_seconds for name, task in TASKS.items()}
    assert intervals["sweep_orphans"] == settings.ORPHAN_SWEEP_INTERVAL_SECONDS
    assert intervals["check_ledger"] == settings.LEDGER_CHECK_INTERVAL_SECONDS
    for name in ("delete_due_teams", "delete_expired_idempotency_keys", "purge_audit_log"):
        assert intervals[name] == settings.MAINTENANCE_INTERVAL_SECONDS
    assert intervals["grant_due_monthly_credits"] == settings.QUOTA_INTERVAL_SECONDS
