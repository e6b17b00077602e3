"""Queues and workers in the administration: for superusers only, and harmless whatever Redis contains."""

import pickle
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django_rq.settings import get_queues_map
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry

from accounts.audit.models import AuditEntry, Verb
from common.redis_client import redis_client
from common.tasks.job import TaskJob
from common.tasks.queues import enqueue, wake_up
from common.tasks.registry import TASKS, Task
from jobs.worker.maintenance import MaintenanceWorker
from portal.embedded.servers import Valkey
from tests.support.administrators import record_second_factor, staff
from tests.support.forged_pickle import ForgedPickle
from tests.support.people import Person

# django-rq's page of a job reads properties that RQ has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:job:DeprecationWarning")

MAIL = get_queues_map()["mail"]
POOL = get_queues_map()["pool.cpu"]
LISTS = (
    "queue_details",
    "jobs",
    "started_jobs",
    "finished_jobs",
    "failed_jobs",
    "deferred_jobs",
    "scheduled_jobs",
    "workers",
)


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:django_rq_{name}", args=arguments)


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    redis_client().flushdb()


@pytest.fixture
def failed_task(monkeypatch: pytest.MonkeyPatch) -> str:
    """A task that has failed, and a worker that is registered."""
    monkeypatch.setitem(TASKS, "own", Task("own", "mail", int))
    queue = django_rq.get_queue("mail")
    job = queue.create_job("own", job_id="own", status=JobStatus.FAILED)
    job.save()
    with redis_client().pipeline() as pipeline:
        job._handle_failure("no luck", pipeline)
        pipeline.execute()
    django_rq.get_worker("mail", worker_class=MaintenanceWorker).register()
    return "own"


def test_the_list_of_queues(adele: Person, failed_task: str) -> None:
    enqueue("create_due_warnings")
    wake_up("cpu")
    page = adele.get(url("home")).content.decode()
    cells = re.findall(r"<td[^>]*>\s*<a[^>]*>\s*(\d+)\s*</a>", page)
    rows = {name: cells[4 * number : 4 * number + 4] for number, name in enumerate(django_rq.settings.QUEUES)}
    assert (rows["mail"], rows["pool.cpu"], rows["files"]) == (
        ["1", "0", "1", "1"],
        ["1", "0", "0", "0"],
        ["0", "0", "0", "0"],
    )


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("index", [MAIL, POOL])
def test_every_list_opens(name: str, index: int, adele: Person, failed_task: str) -> None:
    enqueue("create_due_warnings")
    wake_up("cpu")
    assert adele.client.get(url(name, index), follow=True).status_code == 200


def test_a_job_and_its_worker(adele: Person, failed_task: str) -> None:
    assert "own" in adele.get(url("job_detail", MAIL, failed_task)).content.decode()
    client: Any = redis_client()
    ((result, _fields),) = client.xrange("rq:results:own")
    assert "no luck" in adele.get(url("result_detail", MAIL, failed_task, result.decode())).content.decode()
    (key,) = (key.decode() for key in client.smembers("rq:workers"))
    assert "mail" in adele.get(url("worker_details", MAIL, key)).content.decode()
    assert adele.get(url("worker_details", MAIL, "rq:worker:nobody")).status_code == 404


def test_a_failed_task_is_enqueued_again(adele: Person, failed_task: str) -> None:
    assert adele.post(url("requeue_job", MAIL, failed_task)).status_code == 302
    assert redis_client().lrange("rq:queue:mail", 0, -1) == [b"own"]
    assert TaskJob.fetch("own", connection=redis_client()).refusal == ""
    (entry,) = AuditEntry.objects.filter(verb=Verb.ADMIN_ACTION)
    assert entry.actor == adele.user
    assert entry.changes == {
        "action": [None, "requeue_job"],
        "queue": [None, "mail"],
        "jobs": [None, "own"],
    }


def test_a_task_that_is_no_longer_failed_is_not_enqueued_again(adele: Person, failed_task: str) -> None:
    redis_client().zrem("rq:failed:mail", failed_task)  # it has succeeded in the meantime
    response = adele.post(url("requeue_job", MAIL, failed_task))
    assert (response.status_code, response["Location"]) == (302, url("failed_jobs", MAIL))
    page = adele.get(url("failed_jobs", MAIL)).content.decode()
    assert "This task is no longer in the list of failed tasks." in page
    assert redis_client().llen("rq:queue:mail") == 0
    assert recorded_actions() == []


def test_all_failed_tasks_are_enqueued_again_though_one_is_no_longer_failed(
    adele: Person, failed_task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_client().zadd("rq:failed:mail", {"expired": 4_000_000_000, "succeeded": 4_000_000_001})
    redis_client().copy("rq:job:own", "rq:job:succeeded")
    requeue = FailedJobRegistry.requeue

    def succeed_meanwhile(registry: FailedJobRegistry, job: Job | str, **options: Any) -> Job:
        redis_client().zrem("rq:failed:mail", "succeeded")
        return requeue(registry, job, **options)

    monkeypatch.setattr(FailedJobRegistry, "requeue", succeed_meanwhile)
    # The one that fails comes first.
    redis_client().zadd("rq:failed:mail", {"own": 4_000_000_002})
    assert adele.get(url("requeue_all", MAIL)).status_code == 200
    assert adele.post(url("requeue_all", MAIL)).status_code == 302
    assert redis_client().lrange("rq:queue:mail", 0, -1) == [b"own"]
    assert "1 failed task was enqueued again." in adele.get(url("home")).content.decode()
    assert recorded_actions() == [("requeue_all", "")]


def recorded_actions() -> list[tuple[str, str]]:
    """Return name and jobs of each action of an administrator in the audit log."""
    entries = AuditEntry.objects.filter(verb=Verb.ADMIN_ACTION).order_by("pk")
    return [(entry.changes["action"][1], entry.changes.get("jobs", [None, ""])[1] or "") for entry in entries]


@pytest.mark.parametrize(
    ("name", "arguments", "data", "expected"),
    [
        ("actions", [], {"action": "delete", "job_ids": ["own"]}, [("delete", "own")]),
        ("actions", [], {"action": "requeue", "job_ids": ["own"]}, [("requeue", "own")]),
        ("actions", [], {"action": "requeue"}, []),
        ("actions", [], {"action": "nothing", "job_ids": ["own"]}, []),
        ("actions", [], {}, []),
        ("confirm_action", [], {"action": "delete", "_selected_action": ["own"]}, []),
        ("failed_jobs", [], {}, []),
        ("jobs", [], {}, []),
        ("job_detail", ["own"], {}, []),
        ("stop_job", ["own"], {}, []),
        ("delete_job", ["own"], {}, [("delete_job", "own")]),
        ("enqueue_job", ["own"], {}, [("enqueue_job", "own")]),
        ("clear", [], {}, [("clear", "")]),
        ("requeue_all", [], {}, [("requeue_all", "")]),
        ("delete_failed_jobs", [], {}, [("delete_failed_jobs", "")]),
    ],
)
def test_the_audit_log_has_what_changes_something(
    name: str,
    arguments: list[str],
    data: dict[str, Any],
    expected: list[tuple[str, str]],
    adele: Person,
    failed_task: str,
) -> None:
    assert adele.post(url(name, MAIL, *arguments), data).status_code in {200, 302}
    assert recorded_actions() == expected


@pytest.mark.parametrize("action", ["requeue", "delete"])
def test_selected_jobs(action: str, adele: Person, failed_task: str) -> None:
    data = {"action": action, "_selected_action": ["own"]}
    assert adele.post(url("confirm_action", MAIL), data).status_code == 200
    assert adele.post(url("actions", MAIL), {"action": action, "job_ids": ["own"]}).status_code == 302
    assert redis_client().llen("rq:queue:mail") == int(action == "requeue")
    assert redis_client().exists("rq:job:own") == int(action == "requeue")


def test_all_failed_tasks(adele: Person, failed_task: str) -> None:
    assert adele.get(url("delete_failed_jobs", MAIL)).status_code == 200
    assert redis_client().exists("rq:job:own")
    assert adele.post(url("delete_failed_jobs", MAIL)).status_code == 302
    assert not redis_client().exists("rq:job:own", "rq:failed:mail")
    assert "1 failed task was deleted." in adele.get(url("home")).content.decode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("clear", {}),
        ("requeue_all", {}),
        ("delete_failed_jobs", {}),
        ("actions", {"action": "requeue", "job_ids": ["nothing"]}),
    ],
)
def test_actions_on_the_queue_of_a_pool_do_no_harm(name: str, data: dict[str, Any], adele: Person) -> None:
    """At worst a wake-up is lost, which delays an idle worker by a second."""
    wake_up("cpu")
    assert adele.post(url(name, POOL), data).status_code == 302
    assert redis_client().llen("rq:queue:pool.cpu") == int(name != "clear")


def test_a_running_task_is_not_stopped(adele: Person, failed_task: str) -> None:
    assert adele.post(url("stop_job", MAIL, failed_task)).status_code == 302
    assert "cannot be stopped" in adele.get(url("home")).content.decode()
    assert adele.post(url("actions", MAIL), {"action": "stop", "job_ids": ["own"]}).status_code == 404


@pytest.mark.parametrize("index", [len(get_queues_map()), 99999999])
def test_an_unknown_queue(index: int, adele: Person) -> None:
    assert adele.get(url("jobs", index)).status_code == 404


def test_an_unknown_job(adele: Person) -> None:
    for name in ("job_detail", "delete_job", "requeue_job"):
        assert adele.get(url(name, MAIL, "nothing")).status_code == 404


@pytest.mark.parametrize("name", ["home_json", "metrics", "scheduler_jobs", "cron_scheduler_detail", "cron_job_detail"])
def test_views_outside_the_site_or_for_schedulers_do_not_exist(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        url(name)
    assert Client().get("/admin/django_rq/dashboard/metrics").status_code in {302, 404}
    assert Client().get("/admin/django_rq/dashboard/stats.json").status_code in {302, 404}


def every_page() -> list[str]:
    (job, worker) = ("own", "rq:worker:some")
    pages = [
        url(name, MAIL) for name in (*LISTS, "clear", "requeue_all", "delete_failed_jobs", "confirm_action", "actions")
    ]
    pages += [url(name, MAIL, job) for name in ("job_detail", "delete_job", "requeue_job", "enqueue_job", "stop_job")]
    return [url("home"), *pages, url("worker_details", MAIL, worker), url("result_detail", MAIL, job, "1-0")]


def test_staff_without_all_rights_see_nothing(make_staff: Callable[..., Person]) -> None:
    """Also if they have django-rq's own permission."""
    person = make_staff("sam@example.com", "django_rq.admin", "jobs.view_job")
    for page in every_page():
        assert (person.get(page).status_code, person.post(page).status_code) == (403, 403), page
    assert "django_rq" not in person.get("/admin/").content.decode()


def test_members_and_anonymous_people_see_nothing(alice: Person) -> None:
    for page in every_page():
        for client in (alice.client, Client()):
            assert client.get(page).status_code in {302, 403}, page
            assert client.post(page).status_code in {302, 403}, page
    assert redis_client().keys("*") == []


def test_a_second_factor_is_required(db: None) -> None:
    person = staff("una@example.com", superuser=True)
    session = person.client.session
    del session["account_authentication_methods"]
    session.save()
    assert person.get(url("home")).status_code == 302
    record_second_factor(person)
    assert person.get(url("home")).status_code == 200


def test_forged_jobs_do_nothing_when_they_are_looked_at(
    adele: Person, failed_task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported: list[str] = []
    monkeypatch.setattr("rq.job.import_attribute", imported.append)
    proof = tmp_path / "owned"
    forged_pickle, good = pickle.dumps(ForgedPickle(proof)), b'["own", null, [], {}]'
    forged: list[dict[str, bytes]] = [
        {"data": forged_pickle},
        {"data": good, "meta": forged_pickle, "result": forged_pickle},
        {"data": b'["os.system", null, ["touch %s"], {}]' % str(proof).encode()},
        {"data": good, "success_callback_name": b"os.abort", "failure_callback_name": b"os.abort"},
        {"data": b"\xff"},
    ]
    client: Any = redis_client()
    execution = uuid.uuid4().hex
    (worker,) = (key.decode() for key in client.smembers("rq:workers"))
    for number, fields in enumerate(forged):
        job = f"forged{number}"
        client.hset(f"rq:job:{job}", mapping={"origin": "mail", "status": "started", **fields})
        client.rpush("rq:queue:mail", job)
        client.zadd("rq:failed:mail", {job: 4_000_000_000})
        client.zadd("rq:finished:mail", {job: 4_000_000_000})
        # One has been abandoned: RQ would call its failure callback while it lists the jobs.
        client.zadd("rq:wip:mail", {f"{job}:{execution}": 1})
        client.hset(f"rq:execution:{job}:{execution}", mapping={"created_at": 1, "last_heartbeat": 1, "job_id": job})
        client.sadd(f"{worker}:executions", f"{job}:{execution}")
        client.xadd(f"rq:results:{job}", {"type": 1, "return_value": pickle.dumps(ForgedPickle(proof)).hex()})
    pages = [url(name, MAIL) for name in LISTS] + [url("home"), url("worker_details", MAIL, worker)]
    pages += [url("job_detail", MAIL, f"forged{number}") for number in range(len(forged))]
    for page in pages:
        assert adele.get(page).status_code in {200, 302, 503}, page
    for name in ("requeue_all", "delete_failed_jobs", "clear"):
        assert adele.post(url(name, MAIL)).status_code in {302, 503}, name
    assert not proof.exists()
    assert imported == []


def test_without_redis_the_page_says_so(adele: Person, own_valkey: Valkey, settings: Any) -> None:
    address = f"{settings.REDIS_URL}&socket_timeout=1&socket_connect_timeout=1"
    settings.RQ_QUEUES = {name: {**options, "URL": address} for name, options in settings.RQ_QUEUES.items()}
    own_valkey.stop()
    for page in (url("home"), url("jobs", MAIL), url("started_jobs", POOL)):
        response = adele.get(page)
        assert (response.status_code, "Redis does not respond" in response.content.decode()) == (503, True), page
