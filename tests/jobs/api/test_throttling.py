"""Requests per minute by team and key: exact counts, headers in every response, no errors without Redis."""

import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import ApiKey
from accounts.quota.models import Plan, PlanOverride
from common.ratelimit import Limit, RateLimitExceeded, hit
from common.redis_client import redis_breaker, redis_client
from jobs.models import Job
from tests.support.api_client import ApiClient
from tests.support.outages import forget_redis_clients
from tests.support.people import Person
from tests.support.web_processes import WebProcesses

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("scope", ["team", "key"])
def test_exactly_50_of_96_concurrent_requests_pass_a_limit_of_50(
    scope: str, web_processes: Callable[..., WebProcesses], alice: Person
) -> None:
    headers = alice.headers
    (Plan if scope == "team" else ApiKey).objects.update(requests_per_minute=50)
    web = web_processes(4)
    with web.client(headers) as client, ThreadPoolExecutor(32) as pool:
        responses = list(pool.map(lambda _: client.get("/v1/models"), range(96)))
    assert Counter(response.status_code for response in responses) == {200: 50, 429: 46}
    left = sorted(remaining(response, scope) for response in responses if response.status_code == 200)
    assert left == list(range(50))


def remaining(response: Any, scope: str) -> int:
    item = next(item for item in response.headers["RateLimit"].split(", ") if item.startswith(f'"{scope}"'))
    return int(item.split(";")[1].removeprefix("r="))


def test_every_limited_response_has_the_headers(as_alice: ApiClient, alice: Person) -> None:
    Plan.objects.update(requests_per_minute=3)
    PlanOverride.objects.create(team=alice.team, requests_per_minute=4)
    ApiKey.objects.update(requests_per_minute=2)
    response = as_alice.get("/v1/models")
    assert response["RateLimit-Policy"] == '"team";q=4;w=60, "key";q=2;w=60'
    assert response["RateLimit"] == '"team";r=3;t=60, "key";r=1;t=60'
    # Failed requests count, too, and have the headers.
    assert as_alice.get("/v1/videos/vid_0")["RateLimit"].startswith('"team";r=2;')
    refused = as_alice.get("/v1/models")
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (429, "rate_limited")
    assert (error["scope"], error["limit"], error["remaining"]) == ("key", 2, 0)
    assert 1 <= error["reset"] == int(refused["Retry-After"]) <= 60
    # A request that the key's limit rejects does not count against the team's.
    assert refused["RateLimit"].startswith('"team";r=2;')
    ApiKey.objects.update(requests_per_minute=None)
    assert as_alice.get("/v1/models")["RateLimit"].startswith('"team";r=1;')


def test_a_plan_without_limit_has_no_headers(as_alice: ApiClient) -> None:
    Plan.objects.update(requests_per_minute=None)
    assert "RateLimit" not in as_alice.get("/v1/models").headers


def test_other_teams_are_not_limited_and_the_limit_resets(
    as_alice: ApiClient, as_charlie: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    Plan.objects.update(requests_per_minute=1)
    assert [as_alice.get("/v1/models").status_code for _ in range(2)] == [200, 429]
    assert as_charlie.get("/v1/models").status_code == 200
    hit([Limit("team", "x", "1/minute")])
    with pytest.raises(RateLimitExceeded):
        hit([Limit("team", "x", "1/minute")])
    (key,) = redis_client().keys("rate:*team/x/*")
    (called,) = redis_client().lrange(key, 0, -1)
    redis_client().lset(key, 0, f"{float(called) - 60:.6f}")  # a minute ago
    assert hit([Limit("team", "x", "1/minute")])[0].remaining == 0


def test_members_of_a_team_share_its_limit(as_alice: ApiClient, as_bob: ApiClient) -> None:
    Plan.objects.update(requests_per_minute=1)
    assert (as_alice.get("/v1/models").status_code, as_bob.get("/v1/models").status_code) == (200, 429)


def test_the_legacy_endpoint_has_headers_for_all_its_limits(as_alice: ApiClient, settings: Settings) -> None:
    Plan.objects.update(requests_per_minute=30)
    settings.GENERATE_RATE_LIMIT = "2/minute"
    responses = [as_alice.post("/generate", {}) for _ in range(3)]
    assert [response.status_code for response in responses] == [422, 422, 429]
    assert responses[0]["RateLimit-Policy"] == '"address";q=2;w=60, "team";q=30;w=60, "generate";q=2;w=60'
    assert responses[2]["RateLimit"].startswith('"address";r=0;')
    assert responses[2].json()["code"] == "RATE_LIMITED"


def test_images_of_a_page_do_not_count_against_the_limit(
    alice: Person, client: Client, submit: Callable[..., Job], as_alice: ApiClient
) -> None:
    job = submit()
    Plan.objects.update(requests_per_minute=1)
    client.force_login(alice.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    path = f"/v1/videos/{job.public_id}/content"
    assert [client.get(path).status_code for _ in range(3)] == [409] * 3
    # Requests with a key count on every endpoint, and so do a browser's requests to other endpoints.
    assert [client.get("/v1/models").status_code for _ in range(2)] == [200, 429]
    assert as_alice.get(path).status_code == 429


def test_a_hanging_redis_delays_one_request_by_its_timeout(
    as_alice: ApiClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent_server = socket.socket(socket.AF_UNIX)
    silent_server.bind(str(tmp_path / "deaf"))
    silent_server.listen()
    silent_server.setblocking(False)
    settings.REDIS_URL = f"unix://{tmp_path / 'deaf'}?db=0"
    settings.REDIS_TIMEOUT_SECONDS = 0.5
    # On a busy machine, too, the test ends before Redis is tried again.
    monkeypatch.setattr(redis_breaker, "_open_seconds", 600)
    forget_redis_clients()
    try:
        started = time.monotonic()
        assert hit([Limit("team", "1", "1/minute")]) == []
        assert 0.4 < time.monotonic() - started < 60
        assert [hit([Limit("team", "1", "1/minute")]) for _ in range(2)] == [[], []]
        silent_server.accept()[0].close()
        with pytest.raises(BlockingIOError):  # no second connection
            silent_server.accept()
        assert as_alice.get("/v1/models").status_code == 200
    finally:
        silent_server.close()
        forget_redis_clients()
