"""The maintenance worker runs the tasks of its queues: webhooks, emails, deletion of files, exports."""

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import redis
import structlog
from django.db import close_old_connections
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.registry import FailedJobRegistry, clean_registries
from rq.timeouts import TimerDeathPenalty
from rq.worker import DequeueStrategy, WorkerStatus

from common.tasks.job import TaskJob
from common.tasks.queues import enqueue, job_id
from common.tasks.registry import TASKS, Task
from jobs.worker.base import POLL_INTERVAL_SECONDS, BaseWorker

log = structlog.get_logger(__name__)

# While Redis is available, tasks are enqueued as soon as there is work. In case that was missed, the worker runs each
# by itself after this time, or after twice its interval.
_MAX_IDLE_SECONDS = 60
# A task that looks for work at least so often runs at its interval: nothing announces work that becomes due by the
# clock, such as the retry of a webhook, and the reconciler would be late.
_SHORT_INTERVAL_SECONDS = 5
_CLEANING_INTERVAL_SECONDS = 60


class MaintenanceWorker(BaseWorker):
    """Runs enqueued tasks as RQ jobs, and without Redis every task at its own interval."""

    # Tasks have no timeout, and RQ's default would set SIGALRM nevertheless.
    death_penalty_class = TimerDeathPenalty

    def __init__(self, queues: list[Queue], **options: Any) -> None:
        super().__init__(queues, **options)
        # A queue that always has entries must not keep the others waiting.
        self._dequeue_strategy = DequeueStrategy.ROUND_ROBIN
        names = self.queue_names()
        self._tasks = [task for task in TASKS.values() if task.queue in names and task.interval_seconds is not None]
        # What became due while no worker was running is done now; a task that runs seldom is expensive and can wait.
        now = time.monotonic()
        self._started_at = {
            task.name: -float("inf") if (task.interval_seconds or 0) <= _MAX_IDLE_SECONDS else now
            for task in self._tasks
        }
        self._may_have_left_work: set[str] = set()
        self._cleaned_at = -float("inf")

    def run(self) -> None:
        """Work until a stop is requested. A task that has begun is finished."""
        self._install_signal_handlers()
        while not self.stop_requested:
            self.register_if_due()
            self._clean_registries_if_due()
            overdue = self._overdue_task()
            if overdue is not None:
                self._run_directly(overdue)
            # Overdue tasks and entries take turns, so that neither keep the others waiting.
            if not self.stop_requested and (entry := self.pop_entry(0 if overdue else POLL_INTERVAL_SECONDS)):
                self._run_entry(*entry)
        self.unregister()

    def _clean_registries_if_due(self) -> None:
        """Remove what has expired from RQ's lists, and list the jobs of killed workers as failed."""
        if not self.redis_is_available or time.monotonic() - self._cleaned_at < _CLEANING_INTERVAL_SECONDS:
            return
        self._cleaned_at = time.monotonic()
        for queue in self.queues:
            try:
                self.ask_redis(partial(clean_registries, queue))
            except Exception:  # a forged job
                log.exception("registry_cleaning_failed", queue=queue.name)

    def _overdue_task(self) -> Task | None:
        """Return the task that has waited for longest among those that this worker has to run by itself."""
        now = time.monotonic()
        overdue = [
            task
            for task in self._tasks
            if task.name in self._may_have_left_work
            or now - self._started_at[task.name] >= self._max_wait_seconds(task)
        ]
        return min(overdue, key=lambda task: self._started_at[task.name], default=None)

    def _max_wait_seconds(self, task: Task) -> float:
        interval_seconds = task.interval_seconds or 0.0
        if self.redis_is_available and interval_seconds > _SHORT_INTERVAL_SECONDS:
            return max(_MAX_IDLE_SECONDS, 2 * interval_seconds)
        return interval_seconds

    def _run_entry(self, queue_key: str, entry: bytes) -> None:
        """Run the job of an entry. One that is not ours is dropped, whatever it makes RQ raise."""
        queue = next(queue for queue in self.queues if queue.key == queue_key)
        self.reorder_queues(reference_queue=queue)
        job: TaskJob | None = None
        try:
            job = TaskJob.fetch(entry.decode(), connection=self.connection)
            refusal = job.refusal or ("" if job.origin == queue.name else "another queue")
        except NoSuchJobError:
            return  # a copy of an entry whose job has expired
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self.note_redis_lost(error)
            return
        except Exception as error:
            refusal = str(error) or type(error).__name__
        if refusal or job is None:
            log.warning("task_refused", queue=queue.name, entry=repr(entry[:100]), reason=refusal[:200])
            if job is not None:
                self.ask_redis(lambda: self.connection.delete(job.key))
            return
        self._run_job(job, queue)

    def _run_job(self, job: TaskJob, queue: Queue) -> None:
        self._begin(job.task)
        try:
            self.execute_job(job, queue)
        except redis.RedisError as error:
            self.note_redis_lost(error)
        except Exception:
            log.exception("task_bookkeeping_failed", task=job.task.name)
        if not job.has_begun:
            self._run_directly(job.task, *job.args)
            return
        self._end(job.task, job.args, may_have_left_work=job.may_have_left_work)

    def _run_directly(self, task: Task, *arguments: str) -> None:
        """Run a task without RQ. A failed one does not keep the others from running."""
        self._begin(task)
        may_have_left_work = None
        with suppress(Exception), self._heartbeats(self._register):  # the task has logged it
            may_have_left_work = task(*arguments)
        self._end(task, arguments, may_have_left_work=may_have_left_work)

    def _begin(self, task: Task) -> None:
        self._started_at[task.name] = time.monotonic()
        self._may_have_left_work.discard(task.name)

    def _end(self, task: Task, arguments: Sequence[str], *, may_have_left_work: bool | None) -> None:
        if may_have_left_work is not None:
            # The list of failed tasks has those whose last run failed.
            failed = FailedJobRegistry(task.queue, connection=self.connection)
            self.ask_redis(lambda: failed.remove(job_id(task, arguments)))
        # Other waiting tasks come first: with Redis at the end of the queue, without by the time of the last start.
        if may_have_left_work and not enqueue(task.name):
            self._may_have_left_work.add(task.name)
        close_old_connections()
        if may_have_left_work is None:
            # An interrupted read leaves its cursor in a reference cycle. If that were collected during a later
            # statement, closing the cursor would wait for a lock that this thread holds: a deadlock.
            gc.collect()

    def execute_job(self, job: TaskJob, queue: Queue) -> None:
        """Run a job in this process, with heartbeats, which RQ's SimpleWorker does not send."""
        execution = self.prepare_execution(job)
        with self._heartbeats(lambda: self.maintain_heartbeats(job, execution)):
            self.perform_job(job, queue, execution)
        self.set_state(WorkerStatus.IDLE)

    @contextmanager
    def _heartbeats(self, send_one: Callable[[], object]) -> Iterator[None]:
        """Keep worker and execution in RQ's registries while a long task runs."""
        finished = threading.Event()

        def send() -> None:
            while not finished.wait(self.job_monitoring_interval):
                with suppress(redis.RedisError):
                    send_one()

        thread = threading.Thread(target=send, name="heartbeats", daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()

    def get_heartbeat_ttl(self, job: TaskJob, working_time: float = 0.0) -> int:
        """Return for how long a heartbeat of a job is valid: as long as that of the worker."""
        return self.registration_ttl_seconds

    def handle_exception(self, job: TaskJob, *exc_info: object) -> None:
        """Log nothing: the task has logged its error."""
