"""Progress of batches, cancellation, the zip, and webhooks."""

import io
import json
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest

from jobs.batches.models import Batch
from jobs.batches.services import finish_due_batches
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.queue.ledger_check import find_discrepancies
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.models import Delivery
from jobs.webhooks.outbox import dispatch_outbox, per_job_endpoint
from jobs.webhooks.services import create_endpoint
from tests.support.api_client import ApiClient
from tests.support.batches import Sent, batch_of, video_request
from tests.support.people import Person
from tests.support.videos import finish_next
from tests.support.webhook_receiver import running_receiver

pytestmark = pytest.mark.django_db


def results(api: ApiClient, batch: Batch) -> ZipFile:
    response = api.get(f"/v1/batches/{batch.public_id}/results")
    assert response.status_code == 200, response.content
    return ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def test_counts_follow_the_videos(send: Sent, as_alice: ApiClient) -> None:
    batch = batch_of(send(video_request(0), video_request(1), video_request(2, fps=99)))
    url = f"/v1/batches/{batch.public_id}"
    before = as_alice.get(url)
    assert as_alice.get(url, **{"If-None-Match": before["ETag"]}).status_code == 304
    job = finish_next()
    retrieved = as_alice.get(url, **{"If-None-Match": before["ETag"]}).json()
    counts = retrieved["counts"]
    assert (counts["queued"], counts["completed"], counts["refused"], counts["total"]) == (1, 1, 1, 3)
    assert (retrieved["progress"], retrieved["status"]) == (66, "in_progress")
    assert retrieved["usage"] == {"credits_reserved": 1, "credits_charged": job.charged_credits}
    assert as_alice.get("/v1/batches").json()["data"][0]["counts"] == counts


def test_a_batch_finishes_with_its_last_video(send: Sent, as_alice: ApiClient) -> None:
    batch = batch_of(send(video_request(0), video_request(1)))
    finish_next()
    assert finish_due_batches() == 0
    finish_next()
    assert (finish_due_batches(), finish_due_batches()) == (1, 0)
    retrieved = as_alice.get(f"/v1/batches/{batch.public_id}").json()
    assert (retrieved["status"], retrieved["progress"], retrieved["counts"]["completed"]) == ("completed", 100, 2)
    assert retrieved["completed_at"] >= retrieved["created_at"]


def test_an_unfinished_batch_costs_one_query(send: Sent, django_assert_num_queries: Any) -> None:
    send(*map(video_request, range(5)))
    finish_due_batches()
    with django_assert_num_queries(1):
        assert finish_due_batches() == 0


def test_lists_are_paged_by_keyset(send: Sent, as_alice: ApiClient, as_charlie: ApiClient) -> None:
    batches = [batch_of(send(*map(video_request, range(number)))).public_id for number in (1, 2, 3)]
    first = as_alice.get("/v1/batches?limit=2").json()
    assert ([row["id"] for row in first["data"]], first["has_more"]) == (batches[:0:-1], True)
    rest = as_alice.get(f"/v1/batches?after={first['last_id']}").json()
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == (batches[:1], False)
    assert as_charlie.get("/v1/batches").json()["data"] == []


def test_items_are_paged_and_filtered_by_status(send: Sent, as_alice: ApiClient) -> None:
    batch = batch_of(send(video_request(0), video_request(1, fps=99), video_request(2)))
    url = f"/v1/batches/{batch.public_id}/items"
    first = as_alice.get(f"{url}?limit=2").json()
    assert [row["custom_id"] for row in first["data"]] == ["shot-0", "shot-1"]
    rest = as_alice.get(f"{url}?after={first['last_id']}").json()
    assert [row["index"] for row in rest["data"]] == [2]
    refused = as_alice.get(f"{url}?status=refused").json()["data"]
    assert [(row["index"], row["error"]["param"]) for row in refused] == [(1, "fps")]
    assert as_alice.get(f"{url}?status=lost").status_code == 422


def test_the_item_of_a_deleted_video_remains(send: Sent, as_alice: ApiClient) -> None:
    batch = batch_of(send(video_request(0), video_request(1)))
    delete_job(job=finish_next())
    [row] = as_alice.get(f"/v1/batches/{batch.public_id}/items?status=deleted").json()["data"]
    assert (row["status"], row["video"], row["error"]) == ("deleted", None, None)
    assert as_alice.get(f"/v1/batches/{batch.public_id}").json()["counts"]["deleted"] == 1


def test_the_batch_of_another_team_is_not_found(send: Sent, as_charlie: ApiClient) -> None:
    batch = batch_of(send(video_request(0)))
    url = f"/v1/batches/{batch.public_id}"
    responses = [as_charlie.get(url), as_charlie.get(f"{url}/items"), as_charlie.get(f"{url}/results")]
    responses.append(as_charlie.post(f"{url}/cancel"))
    assert {response.status_code for response in responses} == {404}
    assert Job.objects.get().state == "queued"


def test_cancel_cancels_unfinished_videos(send: Sent, as_alice: ApiClient, alice: Person) -> None:
    batch = batch_of(send(*map(video_request, range(4))))
    before = alice.wallet.balance + alice.wallet.reserved
    completed = finish_next()
    first, second = (as_alice.post(f"/v1/batches/{batch.public_id}/cancel") for _ in range(2))
    assert (first.status_code, first.json()) == (200, second.json())
    assert (first.json()["status"], first.json()["counts"]["canceled"]) == ("canceled", 3)
    assert completed.charged_credits is not None
    assert (alice.wallet.reserved, alice.wallet.balance) == (0, before - completed.charged_credits)
    assert not list(find_discrepancies())


def test_a_viewer_cannot_cancel(send: Sent, as_bob: ApiClient) -> None:
    batch = batch_of(send(video_request(0)))
    assert as_bob.post(f"/v1/batches/{batch.public_id}/cancel").status_code == 403


def test_the_zip_contains_the_videos_and_a_manifest(send: Sent, as_alice: ApiClient) -> None:
    batch = batch_of(
        send(video_request(0), video_request(1, fps=99), video_request(2, custom_id="shoe / left"), video_request(3))
    )
    assert as_alice.get(f"/v1/batches/{batch.public_id}/results").status_code == 409
    videos = {finish_next(content).public_id: content for content in (b"first video", b"second video")}
    archive = results(as_alice, batch)
    assert archive.testzip() is None
    assert archive.namelist() == ["000-shot-0.mp4", "002-shoe_left.mp4", "manifest.jsonl"]
    assert {entry.compress_type for entry in archive.infolist()} == {ZIP_STORED}
    manifest = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    assert [(line["index"], line["custom_id"], line["status"]) for line in manifest] == [
        (0, "shot-0", "completed"),
        (1, "shot-1", "refused"),
        (2, "shoe / left", "completed"),
        (3, "shot-3", "queued"),
    ]
    for line in manifest:
        if line["file"]:
            retrieved = as_alice.get(f"/v1/videos/{line['video']}/content")
            assert archive.read(line["file"]) == retrieved.content == videos[line["video"]]
            assert line["seed"] == as_alice.get(f"/v1/videos/{line['video']}").json()["seed"]
    assert manifest[1]["error"]["param"] == "fps"


def test_the_zip_omits_deleted_videos(send: Sent, as_alice: ApiClient) -> None:
    batch = batch_of(send(video_request(0), video_request(1)))
    delete_job(job=finish_next())
    finish_next(b"stays")
    archive = results(as_alice, batch)
    assert archive.namelist() == ["001-shot-1.mp4", "manifest.jsonl"]
    [gone, _] = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    assert (gone["status"], gone["file"], gone["error"]["code"]) == ("deleted", None, "expired")


@pytest.mark.django_db(transaction=True)
def test_a_finished_batch_is_sent_to_webhooks_once_and_signed(send: Sent, alice: Person, settings: Any) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = True
    with running_receiver() as receiver:
        hook = create_endpoint(
            team=alice.team, creator=alice.user, url=f"{receiver.url}/hook", kinds=["batch.completed"]
        )
        batch = batch_of(send(video_request(0), video_request(1), webhook_url=f"{receiver.url}/mine"))
        finish_next(), finish_next()
        for _ in range(3):
            finish_due_batches()
            dispatch_outbox()
            deliverer = Deliverer()
            deliverer()
            deliverer.finish()
        received_by_path = {received.path: received for received in receiver.requests}
        assert len(receiver.requests) == len(received_by_path) == 2
        event = received_by_path["/hook"].verified(hook.secret)
        assert event == received_by_path["/mine"].verified(per_job_endpoint(team_id=alice.team.pk).secret)
    assert (event["type"], event["data"]["id"]) == ("batch.completed", batch.public_id)
    assert (event["data"]["status"], event["data"]["counts"]["completed"]) == ("completed", 2)
    assert {received.headers["webhook-id"] for received in received_by_path.values()} == {
        f"evt_{batch.id.hex}_batch_completed"
    }
    assert Delivery.objects.filter(kind="batch.completed").count() == 2


def test_a_canceled_batch_sends_the_event_for_cancellation(send: Sent, alice: Person, as_alice: ApiClient) -> None:
    create_endpoint(team=alice.team, creator=alice.user, url="https://example.com", kinds=["batch.canceled"])
    batch = batch_of(send(video_request(0)))
    as_alice.post(f"/v1/batches/{batch.public_id}/cancel")
    assert Delivery.objects.get().kind == "batch.canceled"
    assert Batch.objects.get().state == "canceled"
