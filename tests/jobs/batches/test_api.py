"""POST /v1/batches: what is taken, what is refused, and what either costs."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from accounts.quota.models import LedgerEntry, PlanOverride
from accounts.quota.services import grant
from jobs.batches.models import Batch, BatchItem
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.queue.ledger_check import find_discrepancies
from tests.support.batches import batch_of, form, lines, wanted, whole
from tests.support.images import png
from tests.support.videos import finish_next

pytestmark = pytest.mark.django_db


def test_five_hundred_over_one_picture(as_alice, alice):
    body = lines(wanted(number) for number in range(500))
    answer = whole(lambda: form(as_alice, body, headers={"Idempotency-Key": "order-17"}, name="Spring"))
    batch = batch_of(answer)
    shown = answer.json()
    assert (shown["name"], shown["counts"]["queued"], shown["counts"]["total"]) == ("Spring", 500, 500)
    assert [item["custom_id"] for item in shown["items"]] == [f"shot-{number}" for number in range(500)]
    assert Job.objects.filter(team=alice.team).count() == batch.items.count() == 500
    assert alice.wallet.reserved == shown["usage"]["credits_reserved"] == 500 * Job.objects.first().quoted_credits
    assert LedgerEntry.objects.filter(kind="reserve").count() == 500
    assert len(as_alice.get("/v1/videos?limit=100").json()["data"]) == 100
    assert not list(find_discrepancies())


def test_an_item_is_an_ordinary_video(send, as_alice):
    answer = send(wanted(1, seed=7, metadata={"order": "17"}))
    [item] = answer.json()["items"]
    video = as_alice.get(f"/v1/videos/{item['video']['id']}").json()
    assert (video["seed"], video["metadata"], video["status"]) == (7, {"order": "17"}, "queued")
    assert item["video"]["urls"]["self"] == video["urls"]["self"]
    assert answer["Location"] == answer.json()["urls"]["self"]


def test_good_and_bad_lines_side_by_side(as_alice):
    body = lines(
        [
            wanted(0),
            b"{not json",
            wanted(2, fps=99),
            wanted(0, prompt="the name again"),
            b'{"prompt": NaN}',
            b"[" * 5000,
            b"\xff\xfe",
            b"   ",
            wanted(7, image_name="nobody"),
            wanted(8, imgae="typo"),
            b'"text"',
            wanted(10, image_name=..., source_video="vid_" + "0" * 32),
            wanted(11, image_name=...),
            wanted(12),
        ]
    )
    items = form(as_alice, body).json()["items"]
    assert [item["index"] for item in items] == list(range(13))
    assert [item["status"] for item in items] == ["queued", *["refused"] * 11, "queued"]
    codes = [item["error"]["code"] for item in items if item["error"]]
    broken, field = "malformed_body", "invalid_field"
    assert codes == [
        broken,
        field,
        "custom_id_taken",
        broken,
        broken,
        broken,
        "unknown_picture",
        field,
        broken,
        "not_found",
        field,
    ]
    # An error is told under the client's own name, whatever else was wrong.
    assert (items[2]["custom_id"], items[2]["error"]["param"]) == ("shot-2", "fps")
    assert Job.objects.count() == 2


def test_a_line_that_is_too_long_spoils_no_other(as_alice, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000
    body = lines([wanted(0), b'{"prompt": "' + b"x" * 200_000 + b'"}', wanted(2)])
    items = form(as_alice, body).json()["items"]
    assert [item["status"] for item in items] == ["queued", "refused", "queued"]
    assert (items[1]["error"]["code"], items[1]["error"]["type"]) == ("body_too_large", "invalid_request_error")


@pytest.mark.parametrize("kind", ["application/jsonl", "application/x-ndjson"])
def test_json_lines_as_the_body(kind, as_alice, alice):
    photo = base64.b64encode(png()).decode()
    body = lines(wanted(number, image_name=..., image_base64=photo) for number in range(3))
    address = "/v1/batches?name=plain&on_error=fail_fast"
    answer = as_alice.client.generic("POST", address, body, kind, headers=as_alice.headers)
    assert (answer.json()["counts"]["queued"], answer.json()["on_error"]) == (3, "fail_fast")
    wrong = as_alice.client.generic("POST", "/v1/batches?nmae=x", body, kind, headers=as_alice.headers)
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (422, "nmae")


def test_the_picture_of_an_earlier_video(send, submit):
    first = submit()
    answer = send(wanted(image_name=..., source_video=first.public_id))
    assert answer.json()["items"][0]["status"] == "queued"
    delete_job(job=first)
    again = send(wanted(image_name=..., source_video=first.public_id))
    assert again.json()["items"][0]["error"]["code"] == "not_found"


def test_another_teams_video_gives_no_picture(as_charlie, submit):
    body = {"requests": [wanted(image_name=..., source_video=submit().public_id)]}
    [item] = as_charlie.post("/v1/batches", body).json()["items"]
    assert item["error"]["code"] == "not_found"


def test_credits_run_out_in_mid_batch(send, alice):
    grant(team=alice.team, credits=3 - alice.wallet.balance, reason="for the test")
    items = send(*map(wanted, range(5))).json()["items"]
    assert [item["status"] for item in items] == ["queued"] * 3 + ["refused"] * 2
    assert {item["error"]["code"] for item in items[3:]} == {"quota_exceeded"}
    assert (alice.wallet.balance, alice.wallet.reserved, Job.objects.count()) == (0, 3, 3)
    assert LedgerEntry.objects.filter(kind="reserve").count() == 3
    assert not list(find_discrepancies())


def test_the_queue_fills_in_mid_batch(send, alice):
    PlanOverride.objects.create(team=alice.team, max_queued=2)
    items = send(*map(wanted, range(4))).json()["items"]
    assert [item["error"] and item["error"]["code"] for item in items] == [None, None, "queue_full", "queue_full"]
    assert items[2]["error"]["quota"] == "max_queued"


def test_all_or_nothing(send, alice):
    answer = send(wanted(0), wanted(1, fps=99), wanted(2, custom_id="shot-0"), on_error="fail_fast")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "batch_refused")
    assert [(row["index"], row["error"]["code"]) for row in error["requests"]] == [
        (1, "invalid_field"),
        (2, "custom_id_taken"),
    ]
    assert (Batch.objects.count(), BatchItem.objects.count(), Job.objects.count(), alice.wallet.reserved) == (0,) * 4
    assert send(wanted(0), wanted(1), on_error="fail_fast").json()["counts"]["queued"] == 2


def test_all_or_nothing_looks_at_credits_and_queue(send, alice):
    PlanOverride.objects.create(team=alice.team, max_queued=2)
    three = [wanted(number) for number in range(3)]
    answer = send(*three, on_error="fail_fast")
    assert "room for 2" in answer.json()["error"]["message"]
    PlanOverride.objects.update(max_queued=100)
    grant(team=alice.team, credits=2 - alice.wallet.balance, reason="for the test")
    assert "needs 3 credits" in send(*three, on_error="fail_fast").json()["error"]["message"]
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
def test_a_batch_that_is_none(body, param, as_alice):
    answer = as_alice.post("/v1/batches", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, param)
    assert not Batch.objects.exists()


def test_one_json_body_has_a_limit_that_says_what_to_do(as_alice):
    body = json.dumps({"requests": [{"image_base64": "x" * 17_000_000}]})
    answer = as_alice.client.post("/v1/batches", body, content_type="application/json", headers=as_alice.headers)
    assert answer.status_code == 413
    assert "JSON Lines" in answer.json()["error"]["message"]


def test_scopes(limited_key, send, as_bob):
    send(wanted())
    assert as_bob.post("/v1/batches", {"requests": [wanted()]}).status_code == 403
    assert as_bob.get("/v1/batches").json()["data"][0]["counts"]["total"] == 1
    assert limited_key("videos:read").post("/v1/batches", {"requests": [wanted()]}).status_code == 403
    assert limited_key("videos:write").get("/v1/batches").status_code == 403


def test_a_closing_team_begins_none(send, alice):
    from django.utils import timezone

    type(alice.team).objects.update(deletion_due_at=timezone.now())
    answer = send(wanted())
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "team_closing")


def test_a_batch_is_one_call(send, alice):
    PlanOverride.objects.create(team=alice.team, requests_per_minute=2)
    assert send(*map(wanted, range(10))).json()["counts"]["queued"] == 10
    assert send(wanted()).status_code == 202
    assert send(wanted()).status_code == 429


def test_a_batch_keeps_another_team_waiting_for_one_video_at_most(send, as_charlie, body):
    send(*map(wanted, range(30)))
    finish_next()
    answer = as_charlie.post("/v1/videos", body())
    made = [finish_next().public_id for _ in range(2)]
    assert answer.json()["id"] in made


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["fail_fast", "refuse_all"])
def test_the_former_name_of_fail_fast_is_still_accepted(send: Callable[..., Any], name: str) -> None:
    batch = send(wanted(), on_error=name).json()
    assert batch["on_error"] == "fail_fast"
    assert Batch.objects.get().on_error == Batch.OnError.FAIL_FAST


@pytest.mark.django_db
def test_pending_requests_are_counted_under_the_former_name_too(send: Callable[..., Any]) -> None:
    counts = send(wanted()).json()["counts"]
    assert counts["not_taken"] == counts["pending"] == 0
