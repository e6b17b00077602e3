"""Redis and Postgres going away: what a client sees of it."""

import os
import signal
import time

import pytest
from django.db import connection
from django.test import Client

from common import ratelimit
from jobs.models import Job
from jobs.queue import wakeup
from jobs.states import State
from portal.embedded.processes import find_processes_in
from portal.embedded.servers import Valkey
from tests.support.workers import wait_for_state


@pytest.fixture
def own_valkey(tmp_path_factory, settings):
    """A Valkey that only this test uses, and may freeze."""
    folder = tmp_path_factory.mktemp("v")
    server = Valkey(folder, durable=False)
    server.start()
    settings.REDIS_URL = f"unix://{server.socket}?db=0"
    settings.REDIS_TIMEOUT_SECONDS = settings.USUAL_REDIS_TIMEOUT_SECONDS
    _forget_clients()
    yield server
    server.stop()
    _forget_clients()


def process_of(server: Valkey) -> int:
    return next(process.pid for process in find_processes_in(server.data, program=server.program))


def _forget_clients() -> None:
    wakeup.redis_client.cache_clear()
    ratelimit._script.cache_clear()
    wakeup._breaker_open_until = ratelimit._circuit_open_until = 0.0


def seconds_of_a_submit(client, path, body) -> float:
    """As long as the first one takes that meets the outage: later ones do not even ask for a while."""
    _forget_clients()
    started = time.monotonic()
    answer = client.post(path, body, Prefer="wait=0")
    assert answer.status_code == 202, answer.content
    return time.monotonic() - started


@pytest.mark.parametrize("outage", ["frozen", "gone"])
def test_a_submit_without_redis_is_accepted_within_a_second(outage, own_valkey, as_alice, body):
    if outage == "frozen":
        os.kill(process_of(own_valkey), signal.SIGSTOP)
    else:
        own_valkey.stop()
    try:
        for path in ("/v1/videos", "/v1/generate"):
            # The quickest of some: what a busy machine adds differs, what a call waits for Redis does not.
            assert min(seconds_of_a_submit(as_alice, path, body()) for _ in range(5)) < 1
        assert as_alice.get("/readyz").json() == {
            "ready": True,
            "checks": {"database": True, "redis": False, "storage": True},
        }
    finally:
        if outage == "frozen":
            os.kill(process_of(own_valkey), signal.SIGCONT)
    assert Job.objects.filter(state=State.QUEUED).count() == 10


def test_a_worker_without_redis_finds_its_work_in_postgres(own_valkey, submit, start_worker, settings):
    start_worker("--model", "camera", REDIS_URL=settings.REDIS_URL)
    own_valkey.stop()
    job = wait_for_state(submit(), State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt) == (State.COMPLETED, 1)


def test_without_the_database_the_answer_is_503_in_the_envelope(as_alice, transactional_db, monkeypatch):
    as_alice.get("/v1/models")
    real = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "no_such_database"
    try:
        answer = as_alice.get("/v1/models")
        health = as_alice.get("/health")
        ready = as_alice.get("/readyz")
    finally:
        connection.close()
        connection.settings_dict["NAME"] = real
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    assert answer["Retry-After"]
    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, False)


@pytest.fixture
def without_database(transactional_db):
    """Runs a call while the database cannot be reached."""

    def run(call, *args):
        real = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = "no_such_database"
        try:
            return call(*args)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = real

    return run


@pytest.mark.parametrize(
    ("path", "accept", "said"),
    [
        ("/", "*/*", b"The database does not respond"),
        ("/", "text/html,application/json;q=0.9", b"The database does not respond"),
        ("/", "application/json", b"overloaded"),
        ("/v1/videos", "*/*", b"overloaded"),
    ],
)
def test_whose_session_cannot_be_read_is_told_to_come_again(path, accept, said, alice, without_database):
    """By a page or in the envelope, as was asked; what looks into sessions is no view."""
    browser = Client(raise_request_exception=False)
    browser.force_login(alice.user)
    answer = without_database(lambda: browser.get(path, headers={"Accept": accept}))
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert said in answer.content


def test_probes_look_into_no_session(alice, without_database):
    """A person's browser, too, is told that the process lives and what it misses."""
    browser = Client(raise_request_exception=False)
    browser.force_login(alice.user)
    assert without_database(browser.get, "/livez").status_code == 200
    assert without_database(browser.get, "/readyz").json()["checks"]["database"] is False
    assert without_database(browser.get, "/health").json()["status"] == "unhealthy"
