"""Entries on RQ's queues: one for each task, and none that fails or delays its sender."""

import os
import pickle
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django_rq
import pytest
import redis
from django.db import transaction
from django_rq.queues import get_queue_by_index
from django_rq.settings import get_queues_map
from rq.serializers import JSONSerializer
from structlog.testing import capture_logs

from common.redis_client import redis_breaker, redis_client
from common.tasks import queues
from common.tasks.job import TaskJob
from common.tasks.queues import (
    TaskQueue,
    enqueue,
    enqueue_due,
    enqueue_on_commit,
    pool_queue,
    queue_stats,
    wake_up,
    wake_up_on_commit,
)
from common.tasks.registry import Task
from portal.embedded.servers import Valkey
from tests.support.outages import forget_redis_clients, process_of

SUBJECTS = [uuid.uuid4() for _ in range(3)]


@pytest.fixture(autouse=True)
def empty_redis() -> Iterator[None]:
    redis_client().flushdb()
    yield
    forget_redis_clients()


def entries(queue: str) -> list[str]:
    found: Any = redis_client().lrange(f"rq:queue:{queue}", 0, -1)
    return [entry.decode() for entry in found]


def test_a_task_that_is_waiting_is_not_added_again() -> None:
    assert all(enqueue("dispatch_outbox") for _ in range(500))
    assert entries("webhooks") == ["dispatch_outbox"]


def test_concurrent_senders_add_one_entry() -> None:
    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(lambda _: enqueue("dispatch_outbox"), range(200)))
    assert entries("webhooks") == ["dispatch_outbox"]


def test_each_id_has_an_entry() -> None:
    for subject in SUBJECTS * 2:
        enqueue("build_export", subject)
    assert entries("exports") == [f"build_export_{subject.hex}" for subject in SUBJECTS]


def test_what_is_added_is_a_job_of_the_task() -> None:
    enqueue("build_export", SUBJECTS[0])
    job = TaskJob.fetch(f"build_export_{SUBJECTS[0].hex}", connection=redis_client())
    assert (job.refusal, job.func_name, job.args) == ("", "build_export", [str(SUBJECTS[0])])
    assert (job.origin, job.get_status(), bool(job.enqueued_at)) == ("exports", "queued", True)
    assert redis_client().smembers("rq:queues") == {b"rq:queue:exports"}


def test_a_new_entry_replaces_what_was_stored_before() -> None:
    redis_client().hset("rq:job:dispatch_outbox", mapping={"meta": pickle.dumps("forged"), "status": "failed"})
    redis_client().expire("rq:job:dispatch_outbox", 5)
    enqueue("dispatch_outbox")
    assert TaskJob.fetch("dispatch_outbox", connection=redis_client()).refusal == ""
    assert redis_client().ttl("rq:job:dispatch_outbox") == -1


def test_a_task_may_wait_again_once_it_has_been_taken() -> None:
    enqueue("dispatch_outbox")
    redis_client().lpop("rq:queue:webhooks")
    enqueue("dispatch_outbox")
    assert entries("webhooks") == ["dispatch_outbox"]


def test_an_unknown_task_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        enqueue("nothing")


def test_a_wake_up_names_no_job() -> None:
    assert wake_up("cpu")
    assert wake_up("cpu")
    first, second = entries(pool_queue("cpu"))
    assert first != second
    assert redis_client().keys("rq:job:*") == []


def test_sending_does_not_change_the_shared_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """`set_retry` iterates over the connections in use while other threads add and remove theirs."""
    changed: list[redis.Redis] = []
    monkeypatch.setattr(redis.Redis, "set_retry", lambda client, _retry: changed.append(client))
    assert wake_up("cpu")
    assert enqueue("dispatch_outbox")
    queue_stats()
    django_rq.get_queue("mail", connection=redis_client())
    assert changed == []
    own = django_rq.get_queue("mail").connection
    assert changed == [own]


@pytest.fixture
def removed_pool(settings: Any) -> str:
    settings.RQ_QUEUES = {name: options for name, options in settings.RQ_QUEUES.items() if name != "pool.cpu"}
    return "cpu"


def test_a_wake_up_for_a_removed_pool_is_logged(removed_pool: str) -> None:
    with capture_logs() as logs:
        assert not wake_up(removed_pool)
        assert wake_up("gpu")
    assert [(log["event"], log["queue"]) for log in logs] == [("wakeup_failed", "pool.cpu")]
    assert redis_client().keys("rq:queue:*") == [b"rq:queue:pool.gpu"]


@pytest.mark.parametrize(
    "send", [lambda: enqueue_on_commit("dispatch_outbox"), lambda: wake_up_on_commit("cpu")], ids=["task", "wake-up"]
)
def test_an_error_after_the_commit_does_not_reach_the_caller(
    send: Callable[[], None], transactional_db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The transaction is committed, so an error would make the caller undo what it cannot undo."""

    def fail(_name: str) -> None:
        raise RuntimeError("Set changed size during iteration")

    later: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(queues, "_queue", fail)
        with transaction.atomic():
            send()
            transaction.on_commit(lambda: later.append("ran"))
    assert later == ["ran"]
    assert "Set changed size during iteration" in caplog.text


def test_nothing_is_sent_before_the_commit(transactional_db: None) -> None:
    with transaction.atomic():
        enqueue_on_commit("dispatch_outbox")
        wake_up_on_commit("cpu")
        assert entries("webhooks") + entries("pool.cpu") == []
    assert (len(entries("webhooks")), len(entries("pool.cpu"))) == (1, 1)


def test_nothing_is_sent_after_a_rollback(transactional_db: None) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        enqueue_on_commit("dispatch_outbox")
        1 / 0  # noqa: B018 (raises)
    assert entries("webhooks") == []


def take_entries_on_commit() -> None:
    transaction.on_commit(lambda: redis_client().delete("rq:queue:webhooks", "rq:queue:exports"))


def test_a_transaction_enqueues_a_task_once(transactional_db: None) -> None:
    """A task that is taken at once would otherwise run again for each of the requests."""
    with transaction.atomic():
        enqueue_on_commit("dispatch_outbox")
        with transaction.atomic():
            enqueue_on_commit("build_export", SUBJECTS[0])
        take_entries_on_commit()
        for _ in range(3):
            enqueue_on_commit("dispatch_outbox")
            with transaction.atomic():
                enqueue_on_commit("dispatch_outbox")
            enqueue_on_commit("build_export", SUBJECTS[0])
        enqueue_on_commit("build_export", SUBJECTS[1])
    assert (entries("webhooks"), entries("exports")) == ([], [f"build_export_{SUBJECTS[1].hex}"])


def test_each_transaction_enqueues_its_tasks(transactional_db: None) -> None:
    for _ in range(2):
        redis_client().delete("rq:queue:webhooks")
        with transaction.atomic():
            enqueue_on_commit("dispatch_outbox")
        assert entries("webhooks") == ["dispatch_outbox"]


@pytest.mark.parametrize("requested_outside", ["before", "after"])
def test_a_savepoint_that_is_rolled_back_loses_only_its_own_tasks(
    requested_outside: str, transactional_db: None
) -> None:
    with transaction.atomic():
        if requested_outside == "before":
            enqueue_on_commit("dispatch_outbox")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            with transaction.atomic():
                enqueue_on_commit("dispatch_outbox")
            enqueue_on_commit("dispatch_outbox")
            enqueue_on_commit("build_export", SUBJECTS[0])
            1 / 0  # noqa: B018 (raises)
        if requested_outside == "after":
            enqueue_on_commit("dispatch_outbox")
    assert (entries("webhooks"), entries("exports")) == (["dispatch_outbox"], [])


def test_due_tasks_are_enqueued_once_in_an_interval() -> None:
    tasks = [
        Task("dispatch_outbox", "webhooks", int, 3600),
        Task("delete_due_files", "files", int, 0.001),
        Task("build_export", "exports", int, takes_id=True),
    ]
    assert enqueue_due(tasks) == ["dispatch_outbox", "delete_due_files"]
    time.sleep(0.01)
    redis_client().delete("rq:queue:files", "rq:queue:webhooks")
    assert enqueue_due(tasks) == ["delete_due_files"]
    assert (entries("files"), entries("webhooks"), entries("exports")) == (["delete_due_files"], [], [])


def test_a_due_task_that_redis_does_not_accept_is_due_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [Task("dispatch_outbox", "webhooks", int, 3600), Task("delete_due_files", "files", int, 3600)]
    send = queues._enqueue

    def lose_one(task: Task, arguments: list[str]) -> int:
        if task.name == "delete_due_files":
            raise redis.ConnectionError
        return send(task, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(queues, "_enqueue", lose_one)
        # Redis responds again at once.
        patch.setattr(redis_breaker, "_open_seconds", 0)
        assert enqueue_due(tasks) == ["dispatch_outbox"]
    assert enqueue_due(tasks) == ["delete_due_files"]
    assert enqueue_due(tasks) == []


def test_without_redis_a_sender_is_told_and_does_not_ask_again(own_valkey: Valkey) -> None:
    own_valkey.stop()
    with capture_logs() as logs:
        assert not enqueue("dispatch_outbox")
        assert not wake_up("cpu")
        assert enqueue_due([Task("dispatch_outbox", "webhooks", int, 1)]) == []
    assert [(log["event"], log["task"]) for log in logs] == [("task_enqueue_failed", "dispatch_outbox")]


def test_a_frozen_redis_delays_a_sender_once(own_valkey: Valkey, settings: Any) -> None:
    settings.REDIS_TIMEOUT_SECONDS = 0.5
    forget_redis_clients()
    pid = process_of(own_valkey)
    os.kill(pid, 19)
    try:
        began = time.monotonic()
        assert not any(enqueue("dispatch_outbox") for _ in range(200))
        assert time.monotonic() - began < 100 * 0.5
    finally:
        os.kill(pid, 18)


def test_expired_entries_are_not_counted() -> None:
    """Running tasks of a killed worker stay in RQ's lists for a while, and for ever if no worker cleans them."""
    for key in ("rq:wip:exports", "rq:failed:exports"):
        redis_client().zadd(key, {"expired": time.time() - 1, "present": time.time() + 60, "endless": float("inf")})
    (stats,) = (stats for stats in queue_stats() if stats.name == "exports")
    assert (stats.running, stats.failed) == (2, 2)


@pytest.mark.parametrize("name", ["pool.gpu", "pool.cpu", "webhooks", "mail", "files", "exports"])
def test_every_queue_has_our_job_class_and_serializer(name: str) -> None:
    queue = django_rq.get_queue(name, job_class="rq.job.Job", serializer="pickle")
    assert (type(queue), queue.job_class, queue.serializer) == (TaskQueue, TaskJob, JSONSerializer)
    listed = get_queue_by_index(get_queues_map()[name])
    assert (type(listed), listed.job_class, listed.serializer) == (TaskQueue, TaskJob, JSONSerializer)


def test_queues_and_workers_wait_for_redis_within_bounds() -> None:
    connection = django_rq.get_queue("mail").connection
    options = connection.connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (3.0, 3.0)
    assert options["retry"].get_retries() == 0
