"""The reconciler enqueues due maintenance tasks, and a step that fails does not keep it from the others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from structlog.testing import capture_logs

from common.redis_client import redis_client
from common.tasks.queues import TASK_QUEUES
from common.tasks.registry import TASKS
from inference.models.catalogue import MODELS
from jobs.models import Job, Worker
from jobs.queue import reconcile
from jobs.queue.reconcile import enqueue_due_tasks
from jobs.states import State
from tests.support.people import Person

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


def test_a_job_of_a_removed_model_fails_and_costs_nothing(
    submit: Callable[..., Job], alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old, loaded = submit(), submit(), submit()
    for job, model, minutes in ((new, "gone", 0), (old, "gone", 10), (loaded, "elsewhere", 10)):
        queued_at = job.queued_at - timedelta(minutes=minutes)
        Job.objects.filter(pk=job.pk).update(model=model, queued_at=queued_at)
    Worker.objects.create(
        name="w", pool="cpu", model="elsewhere", state="ready", device="cpu", last_heartbeat_at=timezone.now()
    )
    assert reconcile.follow_changed_models() == 1
    old.refresh_from_db()
    assert (old.state, old.error_code) == (State.FAILED, "model_removed")
    assert "the model gone" in str(old.error)
    assert set(Job.objects.filter(state=State.QUEUED)) == {new, loaded}
    assert alice.wallet.reserved == new.quoted_credits + loaded.quoted_credits
    assert reconcile.follow_changed_models() == 0


def test_a_job_follows_its_model_to_another_pool(submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit()
    wan = MODELS["wan-ti2v-5b"].model_copy(update={"name": "camera"})
    monkeypatch.setitem(MODELS, "camera", wan)
    assert reconcile.follow_changed_models() == 1
    job.refresh_from_db()
    assert (job.state, job.pool) == (State.QUEUED, "gpu")
    assert job.vram_mb == wan.vram_mb(job.width, job.height, job.num_frames) > 0
    assert reconcile.follow_changed_models() == 0


def test_a_job_in_a_pool_of_the_operator_stays_there(submit: Callable[..., Job]) -> None:
    job = submit()
    Job.objects.filter(pk=job.pk).update(pool="night")
    assert reconcile.follow_changed_models() == 0
    job.refresh_from_db()
    assert (job.state, job.pool) == (State.QUEUED, "night")
