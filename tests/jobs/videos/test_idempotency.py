"""Idempotency-Key: a repeated request creates one video."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from accounts.quota.models import PlanOverride, Wallet
from jobs.models import IdempotencyRecord, Job
from tests.support.api_client import ApiClient
from tests.support.images import png
from tests.support.people import Person

KEY = {"Idempotency-Key": "order-17"}


def test_the_same_body_gives_the_same_video(
    as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    first, second = (as_alice.post("/v1/videos", body(), **KEY) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.json()["id"] == second.json()["id"]
    assert (Job.objects.count(), alice.wallet.reserved) == (1, Job.objects.get().quoted_credits)


def test_another_body_is_a_conflict(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    as_alice.post("/v1/videos", body(), **KEY)
    response = as_alice.post("/v1/videos", body(fps=9), **KEY)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "idempotency_conflict")


def test_keys_are_scoped_to_the_team(
    as_alice: ApiClient, as_charlie: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    ids = {api.post("/v1/videos", body(), **KEY).json()["id"] for api in (as_alice, as_charlie)}
    assert len(ids) == 2


def test_forms_are_compared_by_their_content(alice: Person, client: Client) -> None:
    def send(color: str) -> Any:
        picture = io.BytesIO(png(color=color))
        return client.post("/v1/videos", {"image": picture, "prompt": "pan"}, headers={**alice.headers, **KEY})

    assert send("red").json()["id"] == send("red").json()["id"]
    assert send("blue").status_code == 409


def test_a_key_can_be_reused_after_a_day(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    as_alice.post("/v1/videos", body(), **KEY)
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert as_alice.post("/v1/videos", body(fps=9), **KEY).status_code == 202
    assert (Job.objects.count(), IdempotencyRecord.objects.count()) == (2, 1)


def test_a_rejected_submit_does_not_use_its_key(
    as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    Wallet.objects.filter(team=alice.team).update(balance=0)
    assert as_alice.post("/v1/videos", body(), **KEY).status_code == 429
    Wallet.objects.filter(team=alice.team).update(balance=1000)
    assert as_alice.post("/v1/videos", body(), **KEY).status_code == 202


@pytest.mark.parametrize("key", ["x" * 256, "tab\tinside", "clé"])
def test_an_invalid_key_is_rejected(key: str, as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    response = as_alice.post("/v1/videos", body(), **{"Idempotency-Key": key})
    assert (response.status_code, response.json()["error"]["code"]) == (422, "idempotency_key_invalid")


def test_twenty_concurrent_submits_create_one_video(
    live_server: LiveServer, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    headers = alice.headers | KEY  # here: the thread would not close its connection to the database

    def send(_: int) -> httpx.Response:
        return httpx.post(live_server.url + "/v1/videos", json=body(), headers=headers, timeout=30)

    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(send, range(20)))
    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["id"] for response in responses}) == 1
    assert (Job.objects.count(), alice.wallet.reserved) == (1, Job.objects.get().quoted_credits)


@pytest.mark.parametrize("scarce", ["credits", "queue"])
def test_a_concurrent_duplicate_is_not_refused_for_what_the_first_one_took(
    scarce: str, live_server: LiveServer, alice: Person, as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    """There are credits, or there is a place in the queue, for one video."""
    if scarce == "credits":
        quote = as_alice.post("/v1/videos/quote", body()).json()
        Wallet.objects.filter(team=alice.team).update(balance=quote["credits"])
    else:
        PlanOverride.objects.create(team=alice.team, max_queued=1)

    headers = alice.headers | KEY  # here: the thread would not close its connection to the database

    def send(_: int) -> httpx.Response:
        return httpx.post(live_server.url + "/v1/videos", json=body(), headers=headers, timeout=30)

    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(send, range(8)))
    assert {response.status_code for response in responses} == {202}
    assert Job.objects.count() == 1
