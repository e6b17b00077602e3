"""Puts tasks and wake-ups on RQ's queues.

What they announce is in PostgreSQL, so an entry that Redis does not accept is only late: the reconciler repeats it, and
workers look for themselves. Therefore no caller fails because of Redis or waits for it: the client has short timeouts,
and after a failure nothing is sent for a moment.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import django_rq
import structlog
from django.conf import settings
from django.db import connection, transaction
from django_rq.queues import DjangoRQ
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry
from rq.job import JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from common.redis_client import redis_client, try_redis
from common.tasks.job import TaskJob
from common.tasks.registry import TASKS, Task

log = structlog.get_logger(__name__)

# The queues of tasks. Each has its own worker in production, so that a large export does not delay a webhook.
TASK_QUEUES = ("webhooks", "mail", "files", "exports")

# Adds a job unless its id is on the list already. RQ's `unique` would also refuse while the job runs, and the work that
# arrives during a run would have to wait.
_ENQUEUE_SCRIPT = """
if redis.call('LPOS', KEYS[1], ARGV[1]) then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
redis.call('SADD', KEYS[3], KEYS[1])
redis.call('RPUSH', KEYS[1], ARGV[1])
return 1
"""
# Exists until the interval of the task has passed, on the clock of the server.
_TIMER_KEY = "task-timer:{}"


class TaskQueue(DjangoRQ):
    """A queue of TaskJobs, whatever job class or serializer is passed."""

    job_class = TaskJob

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "job_class": TaskJob, "serializer": JSONSerializer})  # type: ignore[no-untyped-call]
        # The shared client has this already, and changing it is not safe while other threads use it.
        if self.connection is not redis_client():
            # No retries by the client: each would wait for the timeout again.
            self.connection.set_retry(Retry(NoBackoff(), 0))


def pool_queue(pool: str) -> str:
    """Return the queue that the GPU workers of a pool listen to."""
    return f"pool.{pool}"


def wake_up_on_commit(pool: str) -> None:
    """Send a wake-up once the present transaction is committed. Before that, a worker would not see the work."""
    transaction.on_commit(lambda: wake_up(pool), robust=True)


def wake_up(pool: str, *, repeated: bool = False) -> bool:
    """Tell a worker of the pool that there may be work. The entry names no job. Return whether Redis accepted it.

    A repeated wake-up is sent only if none is waiting, so that they do not pile up while the pool has no worker.
    """
    queue = pool_queue(pool)
    if queue not in settings.RQ_QUEUES:  # an older job may name a pool that has been removed
        log.warning("wakeup_failed", queue=queue, reason="WORKER_POOLS has no such pool")
        return False

    def push() -> bool:
        if not (repeated and _queue(queue).count):
            _queue(queue).push_job_id(uuid.uuid4().hex)
        return True

    return bool(try_redis("wakeup_failed", push, queue=queue))


def enqueue_on_commit(name: str, subject_id: uuid.UUID | None = None) -> None:
    """Enqueue a task once the present transaction is committed: one time, however often it is requested there."""
    callback = _enqueue_callback(name, subject_id)
    # One that is registered still is undone only together with this one: a savepoint that is rolled back removes its
    # callbacks, and one that was released cannot be rolled back by itself any more.
    if all(registered[1] is not callback for registered in connection.run_on_commit):
        transaction.on_commit(callback, robust=True)


def enqueue(name: str, subject_id: uuid.UUID | None = None) -> bool:
    """Enqueue a task unless it is waiting already. Return False if Redis did not accept it."""
    task = TASKS[name]
    arguments = [] if subject_id is None else [str(subject_id)]
    return try_redis("task_enqueue_failed", lambda: _enqueue(task, arguments), task=name) is not None


def enqueue_due(tasks: Iterable[Task]) -> list[str]:
    """Enqueue the tasks whose interval has passed since they were last enqueued, here or in another process.

    Return their names. Redis keeps the times, so the processes need not agree about the time.
    """
    intervals = {task.name: task.interval_seconds for task in tasks if task.interval_seconds is not None}

    def find_due() -> list[str]:
        with redis_client().pipeline(transaction=False) as pipeline:
            for name in intervals:
                pipeline.exists(_TIMER_KEY.format(name))
            return [name for name, is_running in zip(intervals, pipeline.execute(), strict=True) if not is_running]

    def start_timers() -> None:
        with redis_client().pipeline(transaction=False) as pipeline:
            for name in enqueued:
                pipeline.set(_TIMER_KEY.format(name), 1, px=max(1, round(1000 * intervals[name])))
            pipeline.execute()

    due = try_redis("task_timers_failed", find_due) or []
    enqueued = [name for name in due if enqueue(name)]
    # Last: a task that Redis did not accept is due again in the next round, not after its interval.
    try_redis("task_timers_failed", start_timers)
    return enqueued


@dataclass(frozen=True)
class QueueStats:
    """The numbers of a queue: waiting entries, running and failed jobs, workers that are alive."""

    name: str
    waiting: int
    running: int
    failed: int
    workers: int


def queue_stats() -> list[QueueStats]:
    """Return the numbers of every queue, in two round trips. Raise RedisError if Redis does not respond."""
    names = list(settings.RQ_QUEUES)
    now_seconds = time.time()
    with redis_client().pipeline(transaction=False) as pipeline:
        for queue in map(_queue, names):
            pipeline.llen(queue.key)
            # The score is the time at which an entry expires. RQ removes it some time later.
            pipeline.zcount(queue.started_job_registry.key, now_seconds, "+inf")
            pipeline.zcount(queue.failed_job_registry.key, now_seconds, "+inf")
            pipeline.smembers(WORKERS_BY_QUEUE_KEY % queue.name)
        replies = pipeline.execute()
        rows = [replies[start : start + 4] for start in range(0, len(replies), 4)]
        # A worker that was killed stays in the set; its own key has expired.
        keys = sorted(set().union(*(row[3] for row in rows)))
        for key in keys:
            pipeline.exists(key)
        alive = {key for key, exists in zip(keys, pipeline.execute(), strict=True) if exists}
    return [
        QueueStats(name, waiting, running, failed, len(alive & workers))
        for name, (waiting, running, failed, workers) in zip(names, rows, strict=True)
    ]


def job_id(task: Task, arguments: Iterable[str]) -> str:
    """Return the id of a task's job: one for each task and argument, so that a queue has no entry twice."""
    return "_".join([task.name, *(argument.replace("-", "") for argument in arguments)])


@lru_cache
def _enqueue_callback(name: str, subject_id: uuid.UUID | None) -> Callable[[], object]:
    """Return the same function for the same arguments. Django needs one that has a name: it logs it after an error."""
    return lambda: enqueue(name, subject_id)


def _enqueue(task: Task, arguments: list[str]) -> int:
    """Return 1 if the task was added, 0 if it is waiting already."""
    queue = _queue(task.queue)
    job = queue.create_job(task.name, args=arguments, job_id=job_id(task, arguments), status=JobStatus.QUEUED)
    job.enqueued_at = now()
    fields = [part for item in job.to_dict().items() for part in item]
    return int(_script()([queue.key, job.key, queue.redis_queues_keys], [job.id, *fields]))


@cache
def _queue(name: str) -> TaskQueue:
    queue: TaskQueue = django_rq.get_queue(name, connection=redis_client())
    return queue


@cache
def _script() -> Script:
    script: Script = redis_client().register_script(_ENQUEUE_SCRIPT)
    return script
