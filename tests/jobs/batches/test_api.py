"""POST /v1/batches: accepted and refused requests, and their credits."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from accounts.quota.models import LedgerEntry, PlanOverride
from accounts.quota.services import grant
from accounts.roles import Scope
from jobs.batches.models import Batch, BatchItem
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.queue.ledger_check import find_discrepancies
from tests.support.api_client import ApiClient
from tests.support.batches import Sent, batch_of, json_lines, send_form, send_until_accepted, video_request
from tests.support.images import png
from tests.support.people import Person
from tests.support.videos import finish_next

pytestmark = pytest.mark.django_db


def test_five_hundred_requests_share_one_image(as_alice: ApiClient, alice: Person) -> None:
    body = json_lines(video_request(number) for number in range(500))
    response = send_until_accepted(
        lambda: send_form(as_alice, body, headers={"Idempotency-Key": "order-17"}, name="Spring")
    )
    batch = batch_of(response)
    created = response.json()
    assert (created["name"], created["counts"]["queued"], created["counts"]["total"]) == ("Spring", 500, 500)
    assert [item["custom_id"] for item in created["items"]] == [f"shot-{number}" for number in range(500)]
    assert Job.objects.filter(team=alice.team).count() == batch.items.count() == 500
    assert (
        alice.wallet.reserved == created["usage"]["credits_reserved"] == 500 * Job.objects.latest("pk").quoted_credits
    )
    assert LedgerEntry.objects.filter(kind="reserve").count() == 500
    assert len(as_alice.get("/v1/videos?limit=100").json()["data"]) == 100
    assert not list(find_discrepancies())


def test_an_item_is_an_ordinary_video(send: Sent, as_alice: ApiClient) -> None:
    response = send(video_request(1, seed=7, metadata={"order": "17"}))
    [item] = response.json()["items"]
    video = as_alice.get(f"/v1/videos/{item['video']['id']}").json()
    assert (video["seed"], video["metadata"], video["status"]) == (7, {"order": "17"}, "queued")
    assert item["video"]["urls"]["self"] == video["urls"]["self"]
    assert response["Location"] == response.json()["urls"]["self"]


def test_valid_and_invalid_lines_are_independent(as_alice: ApiClient) -> None:
    body = json_lines(
        [
            video_request(0),
            b"{not json",
            video_request(2, fps=99),
            video_request(0, prompt="the same custom_id"),
            b'{"prompt": NaN}',
            b"[" * 5000,
            b"\xff\xfe",
            b"   ",
            video_request(7, image_name="nobody"),
            video_request(8, imgae="typo"),
            b'"text"',
            video_request(10, image_name=..., source_video="vid_" + "0" * 32),
            video_request(11, image_name=...),
            video_request(12),
        ]
    )
    items = send_form(as_alice, body).json()["items"]
    assert [item["index"] for item in items] == list(range(13))
    assert [item["status"] for item in items] == ["queued", *["refused"] * 11, "queued"]
    codes = [item["error"]["code"] for item in items if item["error"]]
    malformed, invalid = "malformed_body", "invalid_field"
    assert codes == [
        malformed,
        invalid,
        "custom_id_taken",
        malformed,
        malformed,
        malformed,
        "unknown_picture",
        invalid,
        malformed,
        "not_found",
        invalid,
    ]
    # An error is reported with the custom_id, even if another field is invalid.
    assert (items[2]["custom_id"], items[2]["error"]["param"]) == ("shot-2", "fps")
    assert Job.objects.count() == 2


def test_a_line_that_is_too_long_does_not_affect_the_others(as_alice: ApiClient, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000
    body = json_lines([video_request(0), b'{"prompt": "' + b"x" * 200_000 + b'"}', video_request(2)])
    items = send_form(as_alice, body).json()["items"]
    assert [item["status"] for item in items] == ["queued", "refused", "queued"]
    assert (items[1]["error"]["code"], items[1]["error"]["type"]) == ("body_too_large", "invalid_request_error")


@pytest.mark.parametrize("kind", ["application/jsonl", "application/x-ndjson"])
def test_json_lines_as_the_body(kind: str, as_alice: ApiClient, alice: Person) -> None:
    photo = base64.b64encode(png()).decode()
    body = json_lines(video_request(number, image_name=..., image_base64=photo) for number in range(3))
    url = "/v1/batches?name=plain&on_error=fail_fast"
    response = as_alice.client.generic("POST", url, body, kind, headers=as_alice.headers)
    assert (response.json()["counts"]["queued"], response.json()["on_error"]) == (3, "fail_fast")
    wrong = as_alice.client.generic("POST", "/v1/batches?nmae=x", body, kind, headers=as_alice.headers)
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (422, "nmae")


def test_the_image_of_an_earlier_video_can_be_used(send: Sent, submit: Callable[..., Job]) -> None:
    first = submit()
    response = send(video_request(image_name=..., source_video=first.public_id))
    assert response.json()["items"][0]["status"] == "queued"
    delete_job(job=first)
    again = send(video_request(image_name=..., source_video=first.public_id))
    assert again.json()["items"][0]["error"]["code"] == "not_found"


def test_the_image_of_another_teams_video_is_not_found(as_charlie: ApiClient, submit: Callable[..., Job]) -> None:
    body = {"requests": [video_request(image_name=..., source_video=submit().public_id)]}
    [item] = as_charlie.post("/v1/batches", body).json()["items"]
    assert item["error"]["code"] == "not_found"


def test_requests_are_refused_when_the_credits_are_used_up(send: Sent, alice: Person) -> None:
    grant(team=alice.team, credits=3 - alice.wallet.balance, reason="for the test")
    items = send(*map(video_request, range(5))).json()["items"]
    assert [item["status"] for item in items] == ["queued"] * 3 + ["refused"] * 2
    assert {item["error"]["code"] for item in items[3:]} == {"quota_exceeded"}
    assert (alice.wallet.balance, alice.wallet.reserved, Job.objects.count()) == (0, 3, 3)
    assert LedgerEntry.objects.filter(kind="reserve").count() == 3
    assert not list(find_discrepancies())


def test_requests_are_refused_when_the_queue_is_full(send: Sent, alice: Person) -> None:
    PlanOverride.objects.create(team=alice.team, max_queued=2)
    items = send(*map(video_request, range(4))).json()["items"]
    assert [item["error"] and item["error"]["code"] for item in items] == [None, None, "queue_full", "queue_full"]
    assert items[2]["error"]["quota"] == "max_queued"


def test_fail_fast_refuses_the_whole_batch(send: Sent, alice: Person) -> None:
    response = send(
        video_request(0), video_request(1, fps=99), video_request(2, custom_id="shot-0"), on_error="fail_fast"
    )
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (422, "batch_refused")
    assert [(row["index"], row["error"]["code"]) for row in error["requests"]] == [
        (1, "invalid_field"),
        (2, "custom_id_taken"),
    ]
    assert (Batch.objects.count(), BatchItem.objects.count(), Job.objects.count(), alice.wallet.reserved) == (0,) * 4
    assert send(video_request(0), video_request(1), on_error="fail_fast").json()["counts"]["queued"] == 2


def test_fail_fast_checks_credits_and_queue(send: Sent, alice: Person) -> None:
    PlanOverride.objects.create(team=alice.team, max_queued=2)
    three = [video_request(number) for number in range(3)]
    response = send(*three, on_error="fail_fast")
    assert "accepts 2 more" in response.json()["error"]["message"]
    PlanOverride.objects.update(max_queued=100)
    grant(team=alice.team, credits=2 - alice.wallet.balance, reason="for the test")
    assert "the batch needs 3 and" in send(*three, on_error="fail_fast").json()["error"]["message"]
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [{}] * 501}, "requests"),
        ({"requests": {}}, "requests"),
        ({}, "requests"),
        ({"requests": [{}], "images": []}, "images"),
        ({"requests": [{}], "on_error": "explode"}, "on_error"),
        ({"requests": [{}], "nmae": "x"}, "nmae"),
        ({"requests": [{}], "webhook_url": "ftp://x"}, "webhook_url"),
        ({"requests": [{}], "name": "x\0y"}, "name"),
    ],
)
def test_an_invalid_batch_is_refused(body: dict[str, Any], param: str, as_alice: ApiClient) -> None:
    response = as_alice.post("/v1/batches", body)
    assert (response.status_code, response.json()["error"]["param"]) == (422, param)
    assert not Batch.objects.exists()


def test_the_error_for_a_large_json_body_says_what_to_do(as_alice: ApiClient) -> None:
    body = json.dumps({"requests": [{"image_base64": "x" * 17_000_000}]})
    response = as_alice.client.post("/v1/batches", body, content_type="application/json", headers=as_alice.headers)
    assert response.status_code == 413
    assert "JSON Lines" in response.json()["error"]["message"]


def test_roles_and_scopes(limited_key: Callable[[Scope], ApiClient], send: Sent, as_bob: ApiClient) -> None:
    send(video_request())
    assert as_bob.post("/v1/batches", {"requests": [video_request()]}).status_code == 403
    assert as_bob.get("/v1/batches").json()["data"][0]["counts"]["total"] == 1
    assert limited_key(Scope.VIDEOS_READ).post("/v1/batches", {"requests": [video_request()]}).status_code == 403
    assert limited_key(Scope.VIDEOS_WRITE).get("/v1/batches").status_code == 403


def test_a_team_scheduled_for_deletion_cannot_create_batches(send: Sent, alice: Person) -> None:
    type(alice.team).objects.update(deletion_due_at=timezone.now())
    response = send(video_request())
    assert (response.status_code, response.json()["error"]["code"]) == (409, "team_closing")


def test_the_rate_limit_counts_a_batch_as_one_request(send: Sent, alice: Person) -> None:
    PlanOverride.objects.create(team=alice.team, requests_per_minute=2)
    assert send(*map(video_request, range(10))).json()["counts"]["queued"] == 10
    assert send(video_request()).status_code == 202
    assert send(video_request()).status_code == 429


def test_a_batch_delays_another_team_by_one_video_at_most(
    send: Sent, as_charlie: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    send(*map(video_request, range(30)))
    finish_next()
    response = as_charlie.post("/v1/videos", body())
    made = [finish_next().public_id for _ in range(2)]
    assert response.json()["id"] in made


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["fail_fast", "refuse_all"])
def test_the_former_name_of_fail_fast_is_still_accepted(send: Callable[..., Any], name: str) -> None:
    batch = send(video_request(), on_error=name).json()
    assert batch["on_error"] == "fail_fast"
    assert Batch.objects.get().on_error == Batch.OnError.FAIL_FAST


@pytest.mark.django_db
def test_pending_requests_are_counted_under_the_former_name_too(send: Callable[..., Any]) -> None:
    counts = send(video_request()).json()["counts"]
    assert counts["not_taken"] == counts["pending"] == 0


def test_a_request_may_name_a_last_image(send: Sent, as_alice: ApiClient, settings: Any) -> None:
    settings.MODELS_ENABLED = ["camera", "wan-i2v-a14b"]
    shot = {"model": "wan-i2v-a14b", "resolution": "480p", "num_frames": 5}
    response = send(
        video_request(0, **shot, last_image_name="photo"),
        video_request(1, **shot, last_image_base64=base64.b64encode(png()).decode()),
        video_request(2, **shot, last_image_name="absent"),
        video_request(3, last_image_name="photo"),
        video_request(4, **shot, last_image_name="photo", last_image_url="https://example.com/a.png"),
    )
    items = response.json()["items"]
    refused = [(item["error"]["param"], item["error"]["details"][0]["type"]) for item in items if item["error"]]
    assert refused == [
        ("last_image_name", "unknown_picture"),
        ("last_image_name", "not_supported"),
        ("last_image_url", "not_allowed"),
    ]
    assert [bool(job.last_image_key) for job in Job.objects.all()] == [True, True]
    form = json_lines([video_request(0, **shot, last_image_name="end")])
    assert send_form(as_alice, form, end=io.BytesIO(png())).json()["counts"]["queued"] == 1
