"""The metrics: valid, with bounded labels, counters that only grow, and protected from the public."""

import functools
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from accounts.quota.models import LedgerEntry
from common.ids import new_id
from common.messages import Message
from common.redis_client import redis_client
from common.tasks.queues import enqueue
from jobs.models import Job, MetricCounter, Worker
from jobs.queue.cancel import cancel_job
from jobs.queue.claim import claim_job
from jobs.queue.finish import fail_job
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.outbox import dispatch_outbox
from portal.embedded.servers import Valkey
from portal.metrics import site
from tests.support.outages import frozen_database
from tests.support.people import Person
from tests.support.videos import claim_next, complete
from tests.support.web_processes import WebProcesses
from tests.support.webhook_receiver import respond_with
from tests.support.workers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Clear the cached metrics of other tests."""
    site.cache.clear()
    yield
    site.cache.clear()


def scrape() -> str:
    site.cache.clear()
    response = Client().get("/metrics")
    assert response.status_code == 200
    return str(response.content.decode())


def series(text: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    return series(text)[name, tuple(sorted(labels.items()))]


def growing(text: str) -> Series:
    """Return the series that must never decrease: counters, histograms and summaries."""
    names = {
        sample.name
        for family in text_string_to_metric_families(text)
        if family.type in {"counter", "histogram", "summary"}
        for sample in family.samples
    }
    return {key: number for key, number in series(text).items() if key[0] in names}


def assert_grows(earlier: str, later: str) -> None:
    before, after = growing(earlier), growing(later)
    assert before
    assert {key: (number, after.get(key)) for key, number in before.items() if after.get(key, -1) < number} == {}


def finish(job: Job) -> Job:
    claimed = claim_next()
    assert claimed.pk == job.pk
    return complete(claimed)


def test_it_is_valid_and_follows_the_conventions(submit: Callable[..., Job]) -> None:
    finish(submit())
    submit()
    dispatch_outbox()
    Client().get("/livez")
    families = list(text_string_to_metric_families(scrape()))
    names = [family.name for family in families]
    assert len(names) == len(set(names)) > 15
    assert [name for name in names if not name.startswith("mutoscope_")] == []
    assert [family.name for family in families if len(family.documentation) < 10 or family.type == "unknown"] == []
    for family in (family for family in families if family.type == "histogram"):
        assert_cumulative([sample for sample in family.samples if sample.name.endswith("_bucket")])


def assert_cumulative(buckets: list[Sample]) -> None:
    lines: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for bucket in buckets:
        labels = tuple(sorted(item for item in bucket.labels.items() if item[0] != "le"))
        lines.setdefault(labels, []).append((float(bucket.labels["le"]), bucket.value))
    assert lines
    for line in lines.values():
        assert line[-1][0] == float("inf")
        assert line == sorted(line)
        assert [count for _, count in line] == sorted(count for _, count in line)


def test_videos_are_counted_once_by_outcome(submit: Callable[..., Job], alice: Person) -> None:
    job = submit()
    Job.objects.filter(pk=job.pk).update(queued_at=timezone.now() - timedelta(seconds=20))
    charged = finish(job).quoted_credits
    submit()
    failing = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0)
    assert failing is not None
    assert fail_job(fence=failing.fence, code="engine_broken", message=Message("It broke."))
    cancel_job(job=submit())
    submit()
    work = {"pool": "cpu", "model": "camera"}
    before = scrape()
    assert value(before, "mutoscope_jobs", **work, state="queued") == 1
    assert value(before, "mutoscope_queue_oldest_job_age_seconds", **work) >= 0
    assert value(before, "mutoscope_outbox_events") == 9  # 4 queued, 2 started, 3 ends
    assert not dispatch_outbox()
    text = scrape()
    assert value(text, "mutoscope_outbox_events") == 0
    assert value(text, "mutoscope_videos_submitted_total", **work) == 4
    for state, code in (("completed", ""), ("failed", "engine_broken"), ("canceled", "")):
        assert value(text, "mutoscope_videos_finished_total", **work, state=state, error_code=code) == 1
    assert value(text, "mutoscope_video_queue_duration_seconds_count", **work) == 2
    assert value(text, "mutoscope_video_queue_duration_seconds_bucket", **work, le="10.0") == 1
    assert value(text, "mutoscope_video_queue_duration_seconds_bucket", **work, le="30.0") == 2
    assert 20 <= value(text, "mutoscope_video_queue_duration_seconds_sum", **work) < 30
    assert value(text, "mutoscope_video_processing_duration_seconds_count", **work) == 1
    assert value(text, "mutoscope_credits_spent_total") == 1
    assert value(text, "mutoscope_credits_reserved_total") == 4 * charged
    assert value(text, "mutoscope_credits_outstanding") == charged
    given = LedgerEntry.objects.get(team=alice.team, kind="grant").balance_delta
    assert value(text, "mutoscope_credits_granted_total") == given
    assert value(text, "mutoscope_credits_balance") == given - 1 - charged
    assert_grows(before, text)


def test_a_count_that_is_rolled_back_is_repeated(submit: Callable[..., Job], monkeypatch: Any) -> None:
    submit()
    with monkeypatch.context() as broken:
        broken.setattr("jobs.webhooks.outbox.count_events", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dispatch_outbox()
    dispatch_outbox()
    assert MetricCounter.objects.get(kind="queued").count == 1


def test_attempts_of_webhooks_are_counted(submit: Callable[..., Job], endpoint: Any, receiver: Any) -> None:
    endpoint()
    finish(submit())
    for status in (500, 200):
        receiver.respond = functools.partial(respond_with, status=status)
        dispatch_outbox()
        deliverer = Deliverer()
        deliverer()
        deliverer.finish()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE webhooks_delivery SET next_try_at = now() WHERE state = 'pending'")
    text = scrape()
    assert value(text, "mutoscope_webhook_attempt_duration_seconds_count", outcome="retried") == 1
    assert value(text, "mutoscope_webhook_attempt_duration_seconds_count", outcome="delivered") == 1
    assert value(text, "mutoscope_webhook_deliveries_pending") == 0


def test_workers_show_their_gpus() -> None:
    who = {"worker": "gpu-1", "pool": "gpu", "model": "i2vgen-xl", "device": "cuda:0"}
    facts = {"name": who["worker"], **{name: who[name] for name in ("pool", "model", "device")}}
    memory = {"vram_total_mb": 24_000, "vram_free_mb": 10_000, "gpu_utilization_percent": 97}
    Worker.objects.create(id=new_id(), state="busy", last_heartbeat_at=timezone.now(), jobs_done=3, **facts, **memory)
    text = scrape()
    assert value(text, "mutoscope_gpu_memory_bytes", **who) == 24_000 * 2**20
    assert value(text, "mutoscope_gpu_memory_used_bytes", **who) == 14_000 * 2**20
    assert value(text, "mutoscope_gpu_utilization_ratio", **who) == 0.97
    assert value(text, "mutoscope_worker_videos_total", **who) == 3
    for state, count in (("busy", 1), ("unhealthy", 0)):
        assert value(text, "mutoscope_workers", pool="gpu", model="i2vgen-xl", state=state) == count


def test_workers_show_their_models() -> None:
    models = {"wan-ti2v-5b": {"load_seconds": 41.5, "error": None}, "i2vgen-xl": {"load_seconds": None, "error": None}}
    facts = {"name": "gpu-1", "pool": "gpu", "device": "cuda:0", "state": "loading", "vram_total_mb": 24_000}
    Worker.objects.create(installed_models=models, model="wan-ti2v-5b", last_heartbeat_at=timezone.now(), **facts)
    text = scrape()
    for model, loaded in (("wan-ti2v-5b", 1), ("i2vgen-xl", 0)):
        assert value(text, "mutoscope_worker_model_loaded", worker="gpu-1", pool="gpu", model=model) == loaded
        assert value(text, "mutoscope_workers", pool="gpu", model=model, state="loading") == 1
    seconds = [dict(labels)["model"] for name, labels in series(text) if name == "mutoscope_worker_model_load_seconds"]
    assert seconds == ["wan-ti2v-5b"]  # nobody has measured the other one
    labels = {"worker": "gpu-1", "pool": "gpu", "model": "i2vgen-xl,wan-ti2v-5b", "device": "cuda:0"}
    assert value(text, "mutoscope_gpu_memory_bytes", **labels) == 24_000 * 2**20


def test_upstream_servers() -> None:
    facts: dict[str, Any] = {"pool": "cpu", "device": "cpu", "last_heartbeat_at": timezone.now()}
    facts["server_changed_at"] = timezone.now()
    Worker.objects.create(name="a", model="studio", server_is_available=True, server_waiting_seconds=1.5, **facts)
    Worker.objects.create(name="b", model="other", server_is_available=False, **facts)
    text = scrape()
    assert value(text, "mutoscope_upstream_up", model="studio") == 1
    assert value(text, "mutoscope_upstream_up", model="other") == 0
    assert value(text, "mutoscope_upstream_queue_duration_seconds", model="studio") == 1.5


def test_labels_are_bounded_and_name_no_person(submit: Callable[..., Job], alice: Person) -> None:
    def requests_in(text: str) -> list[Any]:
        return [labels for name, labels in series(text) if name == "mutoscope_http_requests_total"]

    # Requests of earlier tests of this process are counted too.
    before = requests_in(scrape())
    job = submit()
    dispatch_outbox()
    client = Client()
    client.get(f"/v1/videos/{job.public_id}", headers=alice.headers)
    for number in range(30):
        client.get(f"/nowhere-{number}")
        client.get(f"/v1/videos/vid_{number}", headers=alice.headers)
        client.generic(f"MADEUP{number}", "/livez")
    text = scrape()
    assert "MADEUP" not in text
    assert "nowhere" not in text
    assert "vid_" not in text
    for private in (alice.team.name, alice.user.email):
        assert private not in text
    requests = requests_in(text)
    assert ("route", "unmatched") in {item for labels in requests for item in labels}
    added = [labels for labels in requests if labels not in before]
    assert len([labels for labels in added if ("route", "api:video") in labels]) <= 2
    # The number of series depends on routes, methods and status classes, not on the number of requests.
    assert len(added) <= 6


def test_the_exposition_is_cached(submit: Callable[..., Job], monkeypatch: Any) -> None:
    monkeypatch.setattr(site, "_CACHE_MAX_AGE_SECONDS", 600)
    before = scrape()
    submit()
    kept = Client().get("/metrics").content.decode()
    assert "mutoscope_jobs{" not in before + kept
    assert "mutoscope_jobs{" in scrape()


def test_the_queues_of_tasks() -> None:
    redis_client().delete("rq:failed:mail", "rq:queue:files")
    enqueue("delete_due_files")
    redis_client().zadd("rq:failed:mail", {"send_due_warnings": 4_000_000_000})
    text = scrape()
    assert value(text, "mutoscope_rq_queue_entries", queue="files") == 1
    assert value(text, "mutoscope_rq_failed_tasks", queue="mail") == 1
    assert value(text, "mutoscope_rq_running_tasks", queue="exports") == 0
    assert value(text, "mutoscope_rq_workers", queue="exports") == 0
    redis_client().delete("rq:failed:mail", "rq:queue:files")


def test_without_redis_its_queues_are_missing(own_valkey: Valkey) -> None:
    own_valkey.stop()
    text = scrape()
    assert value(text, "mutoscope_dependency_up", dependency="redis") == 0
    assert "mutoscope_rq" not in text
    assert "mutoscope_jobs" in text


def test_without_the_database_the_metrics_of_processes_remain(settings: Any) -> None:
    with frozen_database():
        started = time.monotonic()
        text = scrape()
        assert time.monotonic() - started < 60
    assert value(text, "mutoscope_dependency_up", dependency="database") == 0
    assert value(text, "mutoscope_dependency_up", dependency="storage") == 1
    assert "mutoscope_http_requests_total" in text
    assert "mutoscope_queue" not in text
    _wait_for_the_thread()
    assert value(scrape(), "mutoscope_dependency_up", dependency="database") == 1


def _wait_for_the_thread() -> None:
    """Wait for the thread that queries the unresponsive server; callers in the meantime share its result."""
    site.cache._query.start().exception(timeout=60)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.0.2.1", {}, 404),
        ("", {}, 404),
        ("nonsense", {}, 404),
        # Requests that a proxy on this machine forwards.
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, 404),
        ("192.0.2.1", {"Authorization": "Bearer the-token"}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer the-token"}, 200),
        ("192.0.2.1", {"Authorization": "Bearer another"}, 404),
        ("192.0.2.1", {"Authorization": "Bearer é"}, 404),
        ("192.0.2.1", {"Authorization": "Basic the-token"}, 404),
    ],
)
def test_it_is_not_public(address: str, headers: dict[str, str], status: int, settings: Any) -> None:
    settings.METRICS_TOKEN = "the-token"
    response = Client().get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert response.status_code == status
    assert (b"mutoscope_" in response.content) is (status == 200)


def test_by_default_no_token_is_accepted() -> None:
    for value_of_header in ("Bearer", "Bearer ", ""):
        assert (
            Client().get("/metrics", headers={"Authorization": value_of_header}, REMOTE_ADDR="192.0.2.1").status_code
            == 404
        )


def test_other_networks_can_be_allowed(settings: Any) -> None:
    settings.METRICS_NETWORKS = ["172.16.0.0/12"]
    assert Client().get("/metrics", REMOTE_ADDR="172.18.0.7").status_code == 200
    assert Client().get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 404


def test_counts_include_those_of_exited_processes(
    web_processes: Callable[..., WebProcesses],
    alice: Person,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "metrics"
    token = {"Authorization": "Bearer secret"}

    def request_and_scrape(web: WebProcesses, times: int) -> str:
        with web.client(alice.headers) as client:
            assert {client.get("/v1/models").status_code for _ in range(times)} == {200}
        with web.client(token) as client:
            return str(client.get("/metrics").text)

    def models(text: str) -> float:
        return value(text, "mutoscope_http_requests_total", route="api:models", method="GET", status="2xx")

    environment = {"METRICS_TOKEN": "secret", "METRICS_DIR": folder}
    web = web_processes(2, **environment)
    first = request_and_scrape(web, 20)
    assert models(first) == 20  # over all processes
    children = psutil.Process(web.process.pid).children()
    for child in children:
        child.kill()
    psutil.wait_procs(children, timeout=20)
    wait_until(lambda: web.log.read_text().count("Booting worker") == 4, 60, web.log.read_text)
    second = request_and_scrape(web, 5)
    assert models(second) == 25
    assert_grows(first, second)
    web.stop()
    again = web_processes(2, **environment)
    third = request_and_scrape(again, 5)
    assert models(third) == 30
    assert_grows(second, third)
    living = {child.pid for child in psutil.Process(again.process.pid).children()}
    numbers = {path.stem.rpartition("_")[2] for path in folder.glob("*.db")}
    assert "dead" in numbers
    assert {int(number) for number in numbers - {"dead"}} <= living


def test_on_a_full_disk_requests_succeed_without_being_counted(
    web_processes: Callable[..., WebProcesses],
    alice: Person,
    tmp_path: Path,
) -> None:
    web = web_processes(1, METRICS_DIR=tmp_path / "metrics")
    (child,) = web.process.children()
    # No file may grow to the size that the counts need: the same error as on a full disk, for the next process too.
    web.process.rlimit(psutil.RLIMIT_FSIZE, (50_000, web.process.rlimit(psutil.RLIMIT_FSIZE)[1]))
    child.kill()
    wait_until(lambda: web.log.read_text().count("Booting worker") == 2, 60, web.log.read_text)
    with web.client(alice.headers) as client:
        assert client.get("/v1/models").status_code == 200
    assert "request_metrics_failed" in web.log.read_text()
