"""Outages of Redis and PostgreSQL, as seen by a client."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from jobs.models import Job
from jobs.states import State
from portal.embedded.servers import Valkey
from tests.support.api_client import ApiClient
from tests.support.outages import forget_redis_clients, process_of
from tests.support.people import Person
from tests.support.workers import WorkerProcess, wait_for_state


def time_submission(client: ApiClient, path: str, body: dict[str, Any]) -> float:
    """Return the seconds of the first submission in an outage. Later ones skip Redis for a while."""
    forget_redis_clients()
    started = time.monotonic()
    response = client.post(path, body, Prefer="wait=0")
    assert response.status_code == 202, response.content
    return time.monotonic() - started


@pytest.mark.parametrize("outage", ["frozen", "gone"])
def test_a_submit_without_redis_is_accepted_within_a_second(
    outage: str, own_valkey: Valkey, as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    if outage == "frozen":
        os.kill(process_of(own_valkey), signal.SIGSTOP)
    else:
        own_valkey.stop()
    try:
        for path in ("/v1/videos", "/v1/generate"):
            # The fastest of five: delays of a busy machine vary, a wait for Redis would be in all of them.
            assert min(time_submission(as_alice, path, body()) for _ in range(5)) < 1
        assert as_alice.get("/readyz").json() == {
            "ready": True,
            "checks": {"database": True, "redis": False, "storage": True},
        }
    finally:
        if outage == "frozen":
            os.kill(process_of(own_valkey), signal.SIGCONT)
    assert Job.objects.filter(state=State.QUEUED).count() == 10


def test_a_worker_without_redis_polls_postgres(
    own_valkey: Valkey, submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], settings: Any
) -> None:
    start_worker("--model", "camera", REDIS_URL=settings.REDIS_URL)
    own_valkey.stop()
    job = wait_for_state(submit(), State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt) == (State.COMPLETED, 1)


def test_without_the_database_the_api_responds_with_503(
    as_alice: ApiClient, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_alice.get("/v1/models")
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "no_such_database"
    try:
        response = as_alice.get("/v1/models")
        health = as_alice.get("/health")
        ready = as_alice.get("/readyz")
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
    assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
    assert response["Retry-After"]
    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, False)


@pytest.fixture
def without_database(transactional_db: None) -> Callable[..., Any]:
    """Calls a function while the database cannot be reached."""

    def run(call: Callable[..., Any], *args: Any) -> Any:
        name = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = "no_such_database"
        try:
            return call(*args)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = name

    return run


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        ("/", "*/*", b"The database does not respond"),
        ("/", "text/html,application/json;q=0.9", b"The database does not respond"),
        ("/", "application/json", b"overloaded"),
        ("/v1/videos", "*/*", b"overloaded"),
    ],
)
def test_a_session_that_cannot_be_read_is_a_503(
    path: str, accept: str, expected: bytes, alice: Person, without_database: Callable[..., Any]
) -> None:
    """Sessions are read by middleware. The response is a page or the error envelope, by the Accept header."""
    browser = Client(raise_request_exception=False)
    browser.force_login(alice.user)
    response = without_database(lambda: browser.get(path, headers={"Accept": accept}))
    assert response.status_code == 503
    assert response["Retry-After"]
    assert expected in response.content


def test_probes_do_not_read_the_session(alice: Person, without_database: Callable[..., Any]) -> None:
    """A signed-in browser also gets the state of the process and of its dependencies."""
    browser = Client(raise_request_exception=False)
    browser.force_login(alice.user)
    assert without_database(browser.get, "/livez").status_code == 200
    assert without_database(browser.get, "/readyz").json()["checks"]["database"] is False
    assert without_database(browser.get, "/health").json()["status"] == "unhealthy"
