"""The registry of tasks, and that the site's names in it are complete."""

import ast
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from structlog.testing import capture_logs

from common.tasks.queues import TASK_QUEUES
from common.tasks.registry import TASKS, Task, register

SUBJECT = uuid.UUID("01890000-0000-7000-8000-000000000001")


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(TASKS)
    yield
    TASKS.clear()
    TASKS.update(before)


def test_a_name_belongs_to_one_task() -> None:
    register(Task("own", "mail", lambda: None))
    with pytest.raises(ValueError, match="'own' is registered twice"):
        register(Task("own", "files", lambda: None))


@pytest.mark.parametrize("options", [{"interval_seconds": 1}, {"repeats_after_work": True}])
def test_a_task_that_needs_an_id_runs_only_on_request(options: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match="needs an id"):
        register(Task("own", "exports", lambda _: None, takes_id=True, **options))


@pytest.mark.parametrize(
    ("found", "repeats", "again"), [(3, True, True), (0, True, False), (None, True, False), (3, False, False)]
)
def test_a_task_reports_whether_another_run_is_to_follow(found: int | None, repeats: bool, again: bool) -> None:
    assert Task("own", "mail", lambda: found, repeats_after_work=repeats)() is again


def test_a_task_receives_its_id_as_a_uuid() -> None:
    received: list[uuid.UUID] = []
    Task("own", "exports", received.append, takes_id=True)(SUBJECT.hex)
    assert received == [SUBJECT]


@pytest.mark.parametrize(("error", "has_traceback"), [(OSError("disk full"), False), (TypeError(), True)])
def test_a_failure_is_logged_and_raised(error: Exception, has_traceback: bool) -> None:
    """An outage is one line; anything else is a bug, of which the traceback tells where."""

    def fail() -> None:
        raise error

    with capture_logs() as logs, pytest.raises(type(error)):
        Task("own", "mail", fail)()
    (log,) = logs
    assert (log["event"], log["task"], log["reason"]) == ("task_failed", "own", str(error) or "TypeError")
    assert log["exc_info"] is has_traceback


def test_every_task_belongs_to_a_queue_that_a_worker_serves() -> None:
    assert {task.queue for task in TASKS.values()} == set(TASK_QUEUES)
    assert set(TASK_QUEUES) < set(settings.RQ_QUEUES)


def test_every_task_that_needs_no_id_is_periodic() -> None:
    """Otherwise work would be lost with its entry in Redis."""
    assert [task.name for task in TASKS.values() if task.takes_id != (task.interval_seconds is None)] == []


def test_every_name_that_is_enqueued_is_registered() -> None:
    names = set()
    for folder in ("accounts", "jobs", "platform"):
        for path in (Path(settings.ROOT) / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                    continue
                if node.func.id in {"enqueue", "enqueue_on_commit"} and isinstance(node.args[0], ast.Constant):
                    names.add(node.args[0].value)
    assert {"dispatch_outbox", "build_export"} <= names <= set(TASKS)
