"""The RQ job of a task: what it reads from Redis, and what it refuses."""

import uuid
from typing import Any

import pytest
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from common.redis_client import redis_client
from common.tasks.job import TaskJob
from common.tasks.registry import TASKS

SUBJECT = uuid.UUID("01890000-0000-7000-8000-000000000001")
GOOD = {b"data": b'["delete_due_files", null, [], {}]', b"origin": b"files", b"status": b"queued"}
WITH_ID = {**GOOD, b"data": b'["build_export", null, ["%s"], {}]' % str(SUBJECT).encode(), b"origin": b"exports"}


def restored(fields: dict[bytes, bytes]) -> TaskJob:
    job = TaskJob("some", connection=redis_client())
    job.restore(fields)
    return job


def test_a_job_finds_its_task_by_name() -> None:
    job = restored(GOOD)
    assert (job.refusal, job.task, job.func) == ("", TASKS["delete_due_files"], TASKS["delete_due_files"])
    assert (job.args, job.kwargs, job.instance) == ([], {}, None)


def test_a_job_with_an_id() -> None:
    job = restored(WITH_ID)
    assert (job.refusal, job.args) == ("", [str(SUBJECT)])


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        (GOOD, 7),
        (
            {**GOOD, b"data": b'["build_export", null, ["%s"], {}]' % str(SUBJECT).encode(), b"origin": b"exports"},
            1 / 24,
        ),
        ({**GOOD, b"data": b"\xff"}, 7),
    ],
)
def test_how_long_a_failure_is_listed(fields: dict[bytes, bytes], days: float) -> None:
    """A task without an id does what one with an id failed to do, and does not remove that from the list."""
    assert restored({**fields, b"failure_ttl": b"1"}).failure_ttl == days * 24 * 3600


@pytest.mark.parametrize("serializer", [None, "pickle", "json", JSONSerializer])
def test_the_serializer_is_json_whatever_is_passed(serializer: Any) -> None:
    assert TaskJob("some", connection=redis_client(), serializer=serializer).serializer is JSONSerializer


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({b"success_callback_name": b"os.abort"}, "unexpected field: success_callback_name"),
        ({b"data": b'["os.abort", null, [], {}]'}, "unknown task"),
        ({b"data": b'["delete_due_files", null, [], {"a": 1}]'}, "an instance or keyword arguments"),
        ({b"data": b'["delete_due_files", null, ["a"], {}]'}, "wrong number of arguments"),
        ({b"data": b'["build_export", null, [7], {}]', b"origin": b"exports"}, "an argument that is not a UUID"),
        ({b"origin": b"mail"}, "a queue of other tasks"),
        ({b"data": b"{"}, "JSONDecodeError"),
        ({b"data": b"1" * 5000}, "JSONDecodeError"),
        ({b"status": b"owned"}, "'owned' is not a valid JobStatus"),
    ],
)
def test_a_refused_job_says_why_and_cannot_be_executed(fields: dict[bytes, bytes], refusal: str) -> None:
    job = restored(GOOD | fields)
    assert job.refusal == refusal
    for use in (lambda: job.func, lambda: job.task, lambda: job.args, job.perform):
        with pytest.raises(DeserializationError):
            use()


def test_fields_that_rq_writes_do_not_change_how_a_job_runs() -> None:
    stored = {b"timeout": b"1", b"result_ttl": b"-1", b"failure_ttl": b"-1", b"ttl": b"1", b"exc_info": b"x"}
    job = restored(GOOD | stored)
    assert (job.refusal, job.timeout, job.result_ttl, job.failure_ttl, job.ttl) == ("", -1, 3600, 604800, None)


def test_no_callback_is_imported() -> None:
    job = TaskJob("some", connection=redis_client())
    job._success_callback_name = job._failure_callback_name = job._stopped_callback_name = "os.abort"
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)


def test_a_job_that_is_read_and_saved_stays_the_same() -> None:
    redis_client().hset("rq:job:some", mapping=GOOD)  # type: ignore[arg-type] # keys may be bytes
    job = TaskJob.fetch("some", connection=redis_client())
    job.save()
    again = TaskJob.fetch("some", connection=redis_client(), serializer="pickle")
    assert (again.refusal, again.func_name) == ("", "delete_due_files")
    redis_client().delete(job.key)


def test_rq_resolves_import_paths_so_its_own_class_must_not_be_used() -> None:
    """If this fails, RQ has changed, and what the class does may be simplified."""
    job = Job("some", connection=redis_client(), serializer="json")
    job.restore(GOOD | {b"data": b'["os.abort", null, [], {}]'})
    assert job.func.__name__ == "abort"
