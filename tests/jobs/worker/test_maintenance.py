"""The maintenance worker: it runs tasks as RQ jobs, refuses what is no task, and continues without Redis."""

import os
import pickle
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import django_rq
import psycopg
import pytest
from django.db import DatabaseError, connection
from rq.job import Job, JobStatus
from structlog.testing import capture_logs

from accounts.models import User
from common.circuit_breaker import CircuitBreaker
from common.redis_client import redis_client
from common.tasks.queues import TaskQueue, enqueue, job_id
from common.tasks.registry import TASKS, Task
from jobs.worker import base
from jobs.worker.maintenance import MaintenanceWorker
from portal.embedded.servers import Valkey
from tests.support.forged_pickle import ForgedPickle
from tests.support.outages import forget_redis_clients, process_of
from tests.support.workers import WAIT_TIMEOUT_SECONDS

SUBJECT = uuid.UUID("01890000-0000-7000-8000-000000000001")


class Recorder:
    """Tasks of this test that record their runs, in place of the site's."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.worker: MaintenanceWorker

    def add(
        self, name: str, queue: str = "mail", function: Callable[..., object] | None = None, **options: Any
    ) -> Task:
        def run(*arguments: uuid.UUID) -> object:
            self.runs.append(name)
            return function(*arguments) if function else None

        TASKS[name] = Task(name, queue, run, **options)
        return TASKS[name]

    def add_last(self, queue: str = "mail") -> None:
        """Add a task that ends the worker, and enqueue it."""
        self.add("last", queue, self.stop)
        assert enqueue("last")

    def stop(self) -> None:
        self.worker.stop_requested = True

    def work(self, *queues: str) -> list[str]:
        """Run a worker until `stop` is called; return the names of the tasks that ran."""
        return self.work_as(worker(*queues))

    def work_as(self, own: MaintenanceWorker) -> list[str]:
        self.worker = own
        # A task that fails to stop the worker fails the test.
        limit = threading.Timer(WAIT_TIMEOUT_SECONDS, self.stop)
        limit.start()
        try:
            own.run()
        finally:
            limit.cancel()
        return self.runs


def worker(*queues: str) -> MaintenanceWorker:
    made: MaintenanceWorker = django_rq.get_worker(*(queues or ("mail",)), worker_class=MaintenanceWorker)
    return made


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    redis_client().flushdb()
    own = dict(TASKS)
    TASKS.clear()
    yield Recorder()
    TASKS.clear()
    TASKS.update(own)


def queue(name: str = "mail") -> TaskQueue:
    found: TaskQueue = django_rq.get_queue(name)
    return found


def terminate_session() -> None:
    """Terminate the database session of this thread from another session, as a restart of the server does."""
    own = connection.connection.info
    with psycopg.connect(host=own.host, port=own.port, user=own.user, dbname=own.dbname, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [own.backend_pid])


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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the interrupted cursor
@pytest.mark.parametrize(
    ("task", "failed"), [(lose_connection_during_iteration, []), (lose_connection_between_queries, ["losing"])]
)
@pytest.mark.parametrize("how", ["enqueued", "by itself"])
def test_a_task_that_loses_the_database_stops_neither_other_tasks_nor_the_worker(
    task: Callable[[], None], failed: list[str], how: str, tasks: Recorder, transactional_db: None
) -> None:
    User.objects.create_user("alice@example.com")
    counts: list[int] = []

    def count_users() -> None:
        counts.append(User.objects.count())
        if len(counts) == 2:
            tasks.stop()

    if how == "by itself":
        tasks.add("losing", function=task, interval_seconds=0)
        tasks.add("counting", function=count_users, interval_seconds=0)
        own = worker()
        own.redis_is_available = False
        own._redis_breaker = CircuitBreaker(open_seconds=float("inf"))
        own._redis_breaker.open()
        tasks.work_as(own)
    else:
        tasks.add("losing", function=task)
        tasks.add("counting", function=count_users, repeats_after_work=True)
        tasks.add("again", function=lambda: enqueue("counting"))
        for name in ("losing", "counting", "again"):
            assert enqueue(name)
        tasks.work()
        assert queue().failed_job_registry.get_job_ids() == failed
    assert counts == [1, 1]


def test_an_enqueued_task_runs_with_its_id_as_an_rq_job(tasks: Recorder, db: None) -> None:
    received: list[uuid.UUID] = []
    tasks.add("take", function=received.append, takes_id=True)
    assert enqueue("take", SUBJECT)
    tasks.add_last()
    assert tasks.work() == ["take", "last"]
    assert received == [SUBJECT]
    job = Job.fetch(f"take_{SUBJECT.hex}", connection=redis_client(), serializer="json")
    assert job.get_status() == JobStatus.FINISHED
    assert 0 < redis_client().ttl(job.key) <= 3600
    assert 0 < redis_client().ttl(f"rq:results:{job.id}") <= 3600
    assert queue().started_job_registry.count == 0
    assert redis_client().smembers("rq:workers") == set()


def test_a_failed_task_is_listed_until_it_succeeds(tasks: Recorder, db: None) -> None:
    fails = [True]

    def sometimes() -> None:
        if fails:
            raise ValueError("no luck")

    tasks.add("sometimes", function=sometimes)
    assert enqueue("sometimes")
    tasks.add_last()
    with capture_logs() as logs:
        tasks.work()
    assert [log["event"] for log in logs] == ["task_failed"]
    registry = queue().failed_job_registry
    (job,) = (queue().fetch_job(job_id) for job_id in registry.get_job_ids())
    assert job is not None
    assert "no luck" in job.latest_result().exc_string
    job.requeue()
    fails.clear()
    tasks.add_last()
    tasks.work()
    assert tasks.runs == ["sometimes", "last", "sometimes", "last"]
    assert registry.count == 0


def test_a_task_that_may_have_left_work_runs_again_after_the_others(tasks: Recorder, db: None) -> None:
    found = [2, 1, 0]
    tasks.add("drain", function=lambda: found.pop(0), repeats_after_work=True)
    tasks.add("other")
    tasks.add("once", function=lambda: 3)
    for name in ("drain", "once", "other"):
        assert enqueue(name)
    tasks.add("last", function=lambda: enqueue("last") if found else tasks.stop())
    assert enqueue("last")
    assert tasks.work()[:5] == ["drain", "once", "other", "last", "drain"]
    assert tasks.runs.count("drain") == 3


def test_a_busy_queue_does_not_keep_another_waiting(tasks: Recorder, db: None) -> None:
    tasks.add("busy", "webhooks", lambda: True, repeats_after_work=True)
    tasks.add("mail", "mail", tasks.stop)
    assert enqueue("busy")
    assert enqueue("mail")
    assert tasks.work("webhooks", "mail").count("busy") <= 2


def test_every_task_of_the_queues_runs_without_being_enqueued(tasks: Recorder, db: None) -> None:
    """Those with short intervals at their interval, the expensive ones after twice their interval."""
    tasks.add("seldom", interval_seconds=3600)
    tasks.add("often", function=tasks.stop, interval_seconds=1)
    tasks.add("elsewhere", "exports", interval_seconds=1)
    tasks.add("on_request")
    assert tasks.work() == ["often"]


@pytest.mark.parametrize(
    ("interval_seconds", "redis_is_available", "expected"),
    [
        (1, True, 1),
        (5, True, 5),
        (6, True, 60),
        (1, False, 1),
        (50, True, 100),
        (3600, False, 3600),
        (3600, True, 7200),
    ],
)
def test_how_long_the_worker_waits_for_an_entry(
    tasks: Recorder, interval_seconds: float, redis_is_available: bool, expected: float
) -> None:
    task = tasks.add("task", interval_seconds=interval_seconds)
    own = worker()
    own.redis_is_available = redis_is_available
    assert own._max_wait_seconds(task) == expected


def test_a_task_is_not_run_again_before_its_time(tasks: Recorder, db: None) -> None:
    task = tasks.add("task", interval_seconds=1)
    own = worker()
    assert own._overdue_task() is task
    own._run_directly(task)
    assert own._overdue_task() is None
    own.redis_is_available = False
    own._started_at["task"] -= 1
    assert own._overdue_task() is task


def test_a_task_that_is_always_overdue_and_waiting_entries_take_turns(tasks: Recorder, db: None) -> None:
    tasks.add("overdue", interval_seconds=0)
    tasks.add("waiting")
    assert enqueue("waiting")
    tasks.add_last()
    assert tasks.work() == ["overdue", "waiting", "overdue", "last"]


def test_after_a_stop_no_entry_is_taken(tasks: Recorder, db: None) -> None:
    tasks.add("overdue", function=tasks.stop, interval_seconds=1)
    tasks.add("waiting")
    assert enqueue("waiting")
    assert tasks.work() == ["overdue"]
    assert queue().job_ids == ["waiting"]


def fail_task(name: str, *arguments: str) -> None:
    """List a task as failed, as RQ does."""
    job = queue().create_job(name, args=arguments, job_id=job_id(TASKS[name], arguments), status=JobStatus.FAILED)
    job.save()
    with redis_client().pipeline() as pipeline:
        job._handle_failure("no luck", pipeline)
        pipeline.execute()


@pytest.mark.parametrize("succeeds", [True, False])
@pytest.mark.parametrize("arguments", [[], [str(SUBJECT)]])
def test_a_task_that_succeeds_without_rq_is_no_longer_listed_as_failed(
    succeeds: bool, arguments: list[str], tasks: Recorder, db: None
) -> None:
    def run(*_: uuid.UUID) -> None:
        if not succeeds:
            raise ValueError("no luck")

    task = tasks.add("task", function=run, takes_id=bool(arguments))
    fail_task("task", *arguments)
    assert queue().failed_job_registry.count == 1
    worker()._run_directly(task, *arguments)
    assert queue().failed_job_registry.count == int(not succeeds)


def test_a_job_that_could_not_begin_and_succeeds_is_no_longer_listed_as_failed(
    tasks: Recorder, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("RQ is confused")

    tasks.add("take", function=lambda _: None, takes_id=True)
    fail_task("take", str(SUBJECT))
    monkeypatch.setattr(MaintenanceWorker, "prepare_execution", fail)
    assert enqueue("take", SUBJECT)
    tasks.add_last()
    assert tasks.work() == ["take", "last"]
    assert queue().failed_job_registry.count == 0


def abandon(name: str, *, seconds_ago: float) -> None:
    """Leave a job as a killed worker does: started, and without heartbeats since."""
    job = queue().create_job(name, job_id=name, status=JobStatus.STARTED)
    job.save()
    score = time.time() - seconds_ago
    redis_client().zadd(f"rq:wip:{queue().name}", {f"{name}:{uuid.uuid4().hex}": score})


def test_the_lists_are_cleaned_once_a_minute(tasks: Recorder, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rq.job.import_attribute", lambda name: pytest.fail(f"{name} was imported"))
    for name in ("killed", "running"):
        tasks.add(name)
    abandon("killed", seconds_ago=1)
    abandon("running", seconds_ago=-600)
    redis_client().hset("rq:job:killed", "failure_callback_name", "os.abort")
    redis_client().zadd("rq:finished:mail", {"old": 1, "new": 4_000_000_000})
    redis_client().zadd("rq:failed:mail", {"old": 1, "new": 4_000_000_000})
    own = worker()
    own._clean_registries_if_due()
    assert queue().started_job_registry.get_job_ids(cleanup=False) == ["running"]
    assert redis_client().zrange("rq:finished:mail", 0, -1) == [b"new"]
    assert set(redis_client().zrange("rq:failed:mail", 0, -1)) <= {b"new", b"killed"}
    redis_client().zadd("rq:finished:mail", {"old": 1})
    own._clean_registries_if_due()
    assert redis_client().zcard("rq:finished:mail") == 2
    own._cleaned_at -= 60
    own._clean_registries_if_due()
    assert redis_client().zcard("rq:finished:mail") == 1


def test_the_job_of_a_killed_worker_is_listed_as_failed(tasks: Recorder, db: None) -> None:
    tasks.add("killed")
    abandon("killed", seconds_ago=1)
    tasks.add_last()
    assert tasks.work() == ["last"]
    assert queue().failed_job_registry.get_job_ids() == ["killed"]
    assert queue().started_job_registry.get_job_ids() == []


def forgeries(proof: Path) -> dict[str, dict[str, bytes]]:
    """Stored jobs that are not ours. `{}` is valid JSON; `proof` is created by whatever is executed."""
    command = f"touch {proof}"
    call = str.encode
    good = b'["good", null, [], {}]'
    unpickled = pickle.dumps(ForgedPickle(proof))
    return {
        "pickle": {"data": unpickled},
        "compressed pickle": {"data": zlib.compress(unpickled)},
        "pickled call": {"data": pickle.dumps(("os.system", None, (command,), {}))},
        "not even a pickle": {"data": b"\x80\x05."},
        "no data": {"data": b""},
        "only a status": {"status": b"queued"},
        "function name": {"data": call(f'["os.system", null, ["{command}"], {{}}]')},
        "method name": {"data": call(f'["system", "os", ["{command}"], {{}}]')},
        "builtin": {"data": call(f"[\"eval\", null, [\"__import__('os').system('{command}')\"], {{}}]")},
        "no name": {"data": b"[null, null, [], {}]"},
        "a list as a name": {"data": b'[["good"], null, [], {}]'},
        "unknown task": {"data": b'["nothing", null, [], {}]'},
        "a task of another queue": {"data": b'["elsewhere", null, [], {}]'},
        "another queue": {"data": b'["elsewhere", null, [], {}]', "origin": b"exports"},
        "too many arguments": {"data": b'["good", null, ["01890000-0000-7000-8000-000000000001"], {}]'},
        "too few arguments": {"data": b'["subject", null, [], {}]'},
        "two arguments": {"data": b'["subject", null, ["a", "b"], {}]'},
        "an argument that is no UUID": {"data": call(f'["subject", null, ["{command}"], {{}}]')},
        "an argument that is no text": {"data": b'["subject", null, [{"a": 1}], {}]'},
        "arguments that are no list": {"data": b'["subject", null, "a", {}]'},
        "keyword arguments": {"data": b'["good", null, [], {"a": 1}]'},
        "an instance": {"data": b'["good", "os", [], {}]'},
        "no object": {"data": b"7"},
        "too short": {"data": b'["good"]'},
        "deep": {"data": zlib.compress(b"[" * 200_000)},
        "8 MB": {"data": b"[" + b'"good",' * 1_200_000 + b"1]"},
        "a bomb for the memory": {"data": zlib.compress(b"0" * 50_000_000)},
        "success callback": {"data": good, "success_callback_name": b"os.abort"},
        "failure callback": {"data": good, "failure_callback_name": b"os.abort"},
        "stopped callback": {"data": good, "stopped_callback_name": b"os.abort"},
        "webhooks": {"data": good, "webhooks": b'[{"url": "http://127.0.0.1:9/", "job_status": "finished"}]'},
        "dependencies": {"data": good, "dependency_ids": b'["other"]'},
        "old dependency": {"data": good, "dependency_id": b"other"},
        "retries": {"data": good, "retries_left": b"1000000", "retry_intervals": b"[0]"},
        "repeats": {"data": good, "repeats_left": b"1000000", "repeat_intervals": b"[0]"},
        "rate limit": {"data": good, "rate_limit_key": b"k", "rate_limit_concurrency": b"1"},
        "group": {"data": good, "group_id": b"g"},
        "pickled meta": {"data": good, "meta": unpickled},
        "pickled result": {"data": good, "result": unpickled},
        "a name that is no text": {"data": good, "\udcff": b"1"},
        "a status that is none": {"data": good, "status": b"owned"},
        "a time that is none": {"data": good, "created_at": b"yesterday"},
    }


FORGERIES = list(forgeries(Path("/nonexistent")))


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_job_does_nothing(kind: str, tasks: Recorder, db: None, tmp_path: Path) -> None:
    proof = tmp_path / "owned"
    tasks.add("good", function=proof.touch)
    tasks.add("subject", function=lambda _: proof.touch(), takes_id=True)
    tasks.add("elsewhere", "exports", proof.touch)
    fields = {
        key.encode(errors="surrogateescape"): value
        for key, value in {"origin": b"mail", "status": b"queued", **forgeries(proof)[kind]}.items()
    }
    redis_client().hset("rq:job:forged", mapping=fields)  # type: ignore[arg-type] # keys may be bytes
    redis_client().rpush(queue().key, "forged")
    tasks.add_last()
    with capture_logs() as logs:
        assert tasks.work() == ["last"]
    assert [(log["event"], log["entry"]) for log in logs] == [("task_refused", "b'forged'")]
    assert not proof.exists()
    assert not redis_client().exists("rq:job:forged", "rq:queue:mail")
    assert queue().failed_job_registry.count == 0


@pytest.mark.parametrize(
    "entry", [pickle.dumps(ForgedPickle(Path("/nonexistent"))), b"", b"\xff\xfe", b"a b", b"../x", b"x" * 8_000_000]
)
def test_a_forged_entry_does_nothing(entry: bytes, tasks: Recorder, db: None) -> None:
    redis_client().rpush(queue().key, entry)
    tasks.add_last()
    assert tasks.work() == ["last"]


def test_a_job_of_another_type_in_redis_does_not_stop_the_worker(tasks: Recorder, db: None) -> None:
    redis_client().set("rq:job:forged", "text")
    redis_client().rpush(queue().key, "forged", "forged")
    tasks.add_last()
    assert tasks.work() == ["last"]


def test_bookkeeping_that_fails_in_rq_does_not_stop_the_worker(
    tasks: Recorder, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task has not begun, so the worker runs it without RQ."""

    def fail(*_: object) -> None:
        raise RuntimeError("RQ is confused")

    monkeypatch.setattr(MaintenanceWorker, "prepare_execution", fail)
    tasks.add("task")
    assert enqueue("task")
    tasks.add_last()
    with capture_logs() as logs:
        assert tasks.work() == ["task", "last"]
    assert [log["event"] for log in logs] == ["task_bookkeeping_failed"] * 2


def test_redis_that_ends_while_a_task_runs_loses_nothing(
    tasks: Recorder, db: None, own_valkey: Valkey, own_queues: None
) -> None:
    """The rest of the queue was in Redis; the worker runs it by itself, and in turn."""

    def end_redis() -> int:
        own_valkey.stop()  # the second time, it is not running any more
        return 1

    tasks.add("ending", function=end_redis, repeats_after_work=True, interval_seconds=3600)

    def stop() -> None:
        if tasks.runs.count("ending") > 1:
            tasks.stop()

    tasks.add("waiting", function=stop, interval_seconds=1)
    assert enqueue("ending")
    own = worker()
    own._started_at["waiting"] = time.monotonic()
    tasks.work_as(own)
    assert tasks.runs.count("ending") >= 2
    assert tasks.runs[-1] == "waiting"
    assert not own.redis_is_available


def test_a_frozen_redis_delays_tasks_by_a_few_seconds(
    tasks: Recorder, db: None, own_valkey: Valkey, impatient_queues: None
) -> None:
    times: list[float] = []

    def note() -> None:
        times.append(time.monotonic())
        if len(times) == 4:
            tasks.stop()

    tasks.add("task", function=note, interval_seconds=1)
    pid = process_of(own_valkey)
    os.kill(pid, 19)
    try:
        tasks.work()
    finally:
        os.kill(pid, 18)
    assert max(later - earlier for earlier, later in pairwise(times)) < 30


def test_a_redis_that_comes_back_is_used_again(tasks: Recorder, db: None, own_valkey: Valkey, own_queues: None) -> None:
    def restart_redis() -> None:
        if len(tasks.runs) == 2:
            own_valkey.start()
            forget_redis_clients()
            tasks.add_last()

    tasks.add("often", interval_seconds=1, function=restart_redis)
    own_valkey.stop()
    with capture_logs() as logs:
        assert tasks.work()[-1] == "last"
    assert [log["event"] for log in logs if log["event"].startswith("redis_")] == ["redis_lost", "redis_recovered"]


def test_the_lists_are_not_cleaned_without_redis(tasks: Recorder, own_valkey: Valkey, own_queues: None) -> None:
    own = worker()
    own_valkey.stop()
    own.redis_is_available = False
    own._clean_registries_if_due()
    assert own._cleaned_at == -float("inf")


@pytest.fixture
def own_queues(own_valkey: Valkey, settings: Any) -> None:
    """Workers use the Redis of this test, with a timeout that a busy machine does not reach."""
    _use_own_redis(settings, timeout_seconds=30)


@pytest.fixture
def impatient_queues(own_valkey: Valkey, settings: Any) -> None:
    """Workers use the Redis of this test, with a short timeout."""
    _use_own_redis(settings, timeout_seconds=2)


def _use_own_redis(settings: Any, *, timeout_seconds: int) -> None:
    url = f"{settings.REDIS_URL}&socket_timeout={timeout_seconds}&socket_connect_timeout={timeout_seconds}"
    settings.RQ_QUEUES = {name: {**options, "URL": url} for name, options in settings.RQ_QUEUES.items()}


def test_a_worker_is_registered_for_longer_than_the_interval_of_its_heartbeats(tasks: Recorder) -> None:
    own = worker()
    own.register()
    own.register()
    assert own.job_monitoring_interval < redis_client().ttl(own.key) <= own.job_monitoring_interval + 60
    own.unregister()


def test_a_worker_is_registered_again_after_redis_lost_its_data_during_a_job(tasks: Recorder) -> None:
    own = worker()
    own.register()
    redis_client().flushdb()
    own.set_state("idle")  # as RQ does after the job
    own.register()
    assert redis_client().smembers("rq:workers:mail") == {own.key.encode()}
    assert redis_client().hget(own.key, "queues") == b"mail"
    own.unregister()


@pytest.mark.parametrize(("interval_seconds", "is_registered"), [(0, True), (float("inf"), False)])
def test_a_worker_registers_between_tasks_only_if_it_is_due(
    interval_seconds: float, is_registered: bool, tasks: Recorder, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "_REGISTRATION_INTERVAL_SECONDS", interval_seconds)
    found: list[int] = []

    def delete_registration() -> None:
        found.append(redis_client().delete(tasks.worker.key))

    def look() -> None:
        found.append(redis_client().exists(tasks.worker.key))
        tasks.stop()

    tasks.add("first", function=delete_registration, interval_seconds=60)
    tasks.add("second", function=look, interval_seconds=60)
    assert tasks.work() == ["first", "second"]
    assert found == [1, is_registered]


@pytest.mark.parametrize("how", ["enqueued", "by itself"])
def test_a_long_task_keeps_the_worker_in_the_registry(
    how: str, tasks: Recorder, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "_HEARTBEAT_MARGIN_SECONDS", 2)

    def look() -> None:
        key = tasks.worker.key
        redis_client().persist(key)
        end = time.monotonic() + 60
        while redis_client().ttl(key) == -1 and time.monotonic() < end:
            time.sleep(0.05)
        assert redis_client().ttl(key) > 0
        tasks.stop()

    tasks.add("long", function=look, interval_seconds=1 if how == "by itself" else None)
    if how == "enqueued":
        assert enqueue("long")
    own = worker()
    own.job_monitoring_interval = 1
    tasks.work_as(own)
    assert queue().failed_job_registry.count == 0
