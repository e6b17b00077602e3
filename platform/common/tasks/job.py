"""The RQ job of a task. It can only run a registered task, regardless of what is stored in Redis.

RQ resolves function and callback names as import paths, sends webhooks to any URL, and reads pickles by default. None
of this happens here: the serializer is fixed, only harmless fields are read, and a job that has any other is refused.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from common.tasks.registry import TASKS, Task

# Values that describe a job and decide nothing.
_TIMES = {"created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"}
_READ = {"data", "status", "origin", "description", "worker_name"} | _TIMES
# Written by RQ for any job. They are fixed here or recorded elsewhere, so the stored values are ignored.
_IGNORED = {"timeout", "result_ttl", "failure_ttl", "ttl", "exc_info", "enqueue_at_front"}
# A name and a UUID take about a hundred bytes. Compressed data of this size cannot fill the memory either.
_MAX_FIELD_BYTES = 4096


class TaskJob(Job):  # type: ignore[misc] # RQ is not fully typed
    """A job that runs one task. If it is not one of ours, `refusal` says why, and it cannot be executed."""

    # RQ would import these by the names that are stored in the job.
    success_callback = failure_callback = stopped_callback = None

    def __init__(self, id: str | None = None, connection: Any = None, serializer: object = None) -> None:  # noqa: A002
        super().__init__(id, connection, JSONSerializer)
        self._set_limits()
        self.refusal = ""
        # Whether the task was called; and what it returned, None if it raised an error.
        self.has_begun, self.may_have_left_work = False, None

    def _set_limits(self) -> None:
        # RQ's timeout is a signal, which would interrupt a task in the middle of a statement.
        self.timeout = -1
        self.result_ttl, self.failure_ttl, self.ttl = 3600, 7 * 24 * 3600, None

    def _set_limits_of_task(self) -> None:
        self._set_limits()
        if not self.refusal and self.task.takes_id:
            # A task without an id does what this one failed to do, and does not know of this entry.
            self.failure_ttl = 3600

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read the stored fields. Never raise: a forged job must not break the page that lists the jobs."""
        fields = {key.decode(errors="replace"): value for key, value in raw_data.items()}
        known = {name: value for name, value in fields.items() if name in _READ and len(value) <= _MAX_FIELD_BYTES}
        unexpected = sorted(name for name, value in fields.items() if value and name not in _READ | _IGNORED)
        try:
            super().restore({"data": b"", **known})
            self._check(unexpected)
        except Exception as error:
            self.refusal = str(error) or type(error.__cause__ or error).__name__
            self.data = b""
        self._set_limits_of_task()

    def _check(self, unexpected: list[str]) -> None:
        if unexpected:
            raise DeserializationError(f"unexpected field: {unexpected[0][:100]}")
        super()._deserialize_data()
        if self._instance is not None or self._kwargs != {}:
            raise DeserializationError("an instance or keyword arguments")
        if not isinstance(self._func_name, str) or self._func_name not in TASKS:
            raise DeserializationError("unknown task")
        if not isinstance(self._args, list) or len(self._args) != int(self.task.takes_id):
            raise DeserializationError("wrong number of arguments")
        if not all(isinstance(argument, str) and uuid.UUID(argument) for argument in self._args):
            raise DeserializationError("an argument that is not a UUID")
        if self.origin != self.task.queue:
            raise DeserializationError("a queue of other tasks")

    def _deserialize_data(self) -> None:
        # After a refusal the data is empty.
        if self.refusal:
            raise DeserializationError(self.refusal)
        super()._deserialize_data()

    @property
    def task(self) -> Task:
        """The task of this job. Raise DeserializationError if the job was refused."""
        return TASKS[self.func_name]

    @property
    def func(self) -> Task:
        """What RQ calls with the job's arguments."""
        return self.task

    def perform(self) -> Any:
        self.has_begun = True
        self.may_have_left_work = super().perform()
        return self.may_have_left_work
