"""Idempotency-Key: sent twice, made once."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from accounts.quota.models import Wallet
from jobs.models import IdempotencyRecord, Job
from tests.support.images import png

KEY = {"Idempotency-Key": "order-17"}


def test_the_same_body_gives_the_same_video(as_alice, alice, body):
    first, second = (as_alice.post("/v1/videos", body(), **KEY) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.json()["id"] == second.json()["id"]
    assert (Job.objects.count(), alice.wallet.reserved) == (1, Job.objects.get().quoted_credits)


def test_another_body_is_a_conflict(as_alice, body):
    as_alice.post("/v1/videos", body(), **KEY)
    answer = as_alice.post("/v1/videos", body(fps=9), **KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_conflict")


def test_keys_are_the_teams_own(as_alice, as_charlie, body):
    ids = {api.post("/v1/videos", body(), **KEY).json()["id"] for api in (as_alice, as_charlie)}
    assert len(ids) == 2


def test_forms_count_as_the_same_by_their_content(alice, client):
    def send(colour: str) -> httpx.Response:
        picture = io.BytesIO(png(colour=colour))
        return client.post("/v1/videos", {"image": picture, "prompt": "pan"}, headers={**alice.headers, **KEY})

    assert send("red").json()["id"] == send("red").json()["id"]
    assert send("blue").status_code == 409


def test_after_a_day_the_key_is_free_again(as_alice, body):
    as_alice.post("/v1/videos", body(), **KEY)
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert as_alice.post("/v1/videos", body(fps=9), **KEY).status_code == 202
    assert (Job.objects.count(), IdempotencyRecord.objects.count()) == (2, 1)


def test_a_refused_submit_leaves_its_key_free(as_alice, alice, body):
    Wallet.objects.filter(team=alice.team).update(balance=0)
    assert as_alice.post("/v1/videos", body(), **KEY).status_code == 429
    Wallet.objects.filter(team=alice.team).update(balance=1000)
    assert as_alice.post("/v1/videos", body(), **KEY).status_code == 202


@pytest.mark.parametrize("key", ["x" * 256, "tab\tinside", "clé"])
def test_a_key_that_cannot_be_kept_is_refused(key, as_alice, body):
    answer = as_alice.post("/v1/videos", body(), **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_invalid")


def test_twenty_at_once_make_one_video(live_server, alice, body):
    def send(_: int) -> httpx.Response:
        return httpx.post(live_server.url + "/v1/videos", json=body(), headers={**alice.headers, **KEY}, timeout=30)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (Job.objects.count(), alice.wallet.reserved) == (1, Job.objects.get().quoted_credits)
