"""Keys that exceeded their limit are refused without a query, in both kinds of web processes."""

import asyncio
import json
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from accounts.quota.models import Plan
from common.ratelimit import RateLimitExceeded, Window
from jobs.api import presented_keys
from jobs.api.presented_keys import RecentRefusals
from portal.web.request_guards import AsgiRequestGuard, WsgiRequestGuard
from tests.support.api_client import ApiClient
from tests.support.people import Person

SECONDS = 3


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is slow between two requests still finds the first one's refusal."""
    monkeypatch.setattr(RecentRefusals, "MAX_SECONDS", 50)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(presented_keys, "time", clock)
    return clock


def refusal(scope: str = "team", reset: int = SECONDS) -> RateLimitExceeded:
    return RateLimitExceeded([Window(scope, amount=10, seconds=60, remaining=0, reset=reset)])


def test_a_key_is_refused_until_its_limit_allows_a_request(clock: Clock) -> None:
    refusals = RecentRefusals()
    refusals.add("mts_a_b", refusal())
    assert refusals.find("mts_a_c") is None
    resets = []
    while error := refusals.find("mts_a_b"):
        resets.append(error.full.reset)
        clock.now += 0.5
    assert resets == [3, 3, 2, 2, 1, 1]
    clock.now -= 1
    assert refusals.find("mts_a_b") is None


def test_a_limit_that_was_raised_applies_soon(clock: Clock) -> None:
    refusals = RecentRefusals()
    refusals.add("mts_a_b", refusal(reset=60))
    clock.now += RecentRefusals.MAX_SECONDS
    assert refusals.find("mts_a_b") is None


def test_limits_of_some_requests_do_not_refuse_the_others(clock: Clock) -> None:
    refusals = RecentRefusals()
    refusals.add("mts_a_b", refusal("uploads"))
    assert refusals.find("mts_a_b") is None


def test_the_oldest_keys_are_forgotten(clock: Clock) -> None:
    refusals = RecentRefusals()
    for number in range(RecentRefusals.MAX_KEYS + 1):
        refusals.add(f"mts_{number}_b", refusal())
    assert refusals.find("mts_0_b") is None
    assert refusals.find(f"mts_{RecentRefusals.MAX_KEYS}_b")


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def send_to_live(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": lines}
    asyncio.run(AsgiRequestGuard(application)(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, sent[1]["body"]


def send_to_web(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    def application(_environ: Any, start: Any) -> list[bytes]:
        start("204 No Content", [])
        return []

    path, _, query = path.partition("?")
    environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    setup_testing_defaults(environ)
    started: list[Any] = []
    body = b"".join(WsgiRequestGuard(application)(environ, lambda *arguments: started.append(arguments)))
    status, lines = started[0]
    return int(status.split()[0]), {name.lower(): value for name, value in lines}, body


@pytest.mark.parametrize("send", [send_to_live, send_to_web])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_over_its_limit_does_not_reach_django(
    send: Any, header: str, as_alice: ApiClient, alice: Person, db: None
) -> None:
    Plan.objects.update(requests_per_minute=1)
    as_alice.get("/v1/models")
    refused = as_alice.get("/v1/models")
    key = alice.headers["Authorization"].removeprefix("Bearer ")
    status, headers, body = send("/v1/videos", {header: key if header == "X-API-Key" else f"Bearer {key}"})
    assert (refused.status_code, status, headers["ratelimit-policy"]) == (429, 429, '"team";q=1;w=60')
    error = json.loads(body)["error"]
    assert (error["code"], error["scope"], error["limit"]) == ("rate_limited", "team", 1)
    assert headers["ratelimit"] == f'"team";r=0;t={headers["retry-after"]}'
    assert error["request_id"] == headers["x-request-id"]


def test_third_party_sdks_get_their_own_envelope(as_alice: ApiClient, alice: Person, db: None) -> None:
    Plan.objects.update(requests_per_minute=1)
    for _ in range(2):
        as_alice.get("/v1/models")
    key = alice.headers["Authorization"].removeprefix("Bearer ")
    status, _, body = send_to_live("/replicate/v1/predictions", {"Authorization": f"Token {key}"})
    assert (status, json.loads(body)["error_type"]) == (429, "rate_limited")


@pytest.mark.parametrize("send", [send_to_live, send_to_web])
@pytest.mark.parametrize("path", ["/v1/auth", "/v1/openapi.json", "/v1/nothing", "/v1/videos/vid_1/content?token=x"])
def test_requests_that_are_not_counted_are_not_refused(
    send: Any, path: str, as_alice: ApiClient, alice: Person, db: None
) -> None:
    Plan.objects.update(requests_per_minute=1)
    for _ in range(2):
        as_alice.get("/v1/models")
    assert send(path, alice.headers)[0] == 204
    assert send("/v1/videos/vid_1/content", alice.headers)[0] == 429
