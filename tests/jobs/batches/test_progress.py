"""What a batch says of itself, canceling it, its zip, and how its end is told."""

import io
import json
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
from tests.support.batches import batch_of, wanted
from tests.support.videos import finish_next
from tests.support.webhook_receiver import receiving

pytestmark = pytest.mark.django_db


def results(api, batch):
    answer = api.get(f"/v1/batches/{batch.public_id}/results")
    assert answer.status_code == 200, answer.content
    return ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def test_counts_follow_the_videos(send, as_alice):
    batch = batch_of(send(wanted(0), wanted(1), wanted(2, fps=99)))
    address = f"/v1/batches/{batch.public_id}"
    before = as_alice.get(address)
    assert as_alice.get(address, **{"If-None-Match": before["ETag"]}).status_code == 304
    job = finish_next()
    shown = as_alice.get(address, **{"If-None-Match": before["ETag"]}).json()
    counts = shown["counts"]
    assert (counts["queued"], counts["completed"], counts["refused"], counts["total"]) == (1, 1, 1, 3)
    assert (shown["progress"], shown["status"]) == (66, "in_progress")
    assert shown["usage"] == {"credits_reserved": 1, "credits_charged": job.charged_credits}
    assert as_alice.get("/v1/batches").json()["data"][0]["counts"] == counts


def test_it_ends_with_its_last_video(send, as_alice):
    batch = batch_of(send(wanted(0), wanted(1)))
    finish_next()
    assert finish_due_batches() == 0
    finish_next()
    assert (finish_due_batches(), finish_due_batches()) == (1, 0)
    shown = as_alice.get(f"/v1/batches/{batch.public_id}").json()
    assert (shown["status"], shown["progress"], shown["counts"]["completed"]) == ("completed", 100, 2)
    assert shown["completed_at"] >= shown["created_at"]


def test_an_open_batch_is_looked_at_by_one_row(send, django_assert_num_queries):
    send(*map(wanted, range(5)))
    finish_due_batches()
    with django_assert_num_queries(1):
        assert finish_due_batches() == 0


def test_lists_are_paged_by_keyset(send, as_alice, as_charlie):
    batches = [batch_of(send(*map(wanted, range(number)))).public_id for number in (1, 2, 3)]
    first = as_alice.get("/v1/batches?limit=2").json()
    assert ([row["id"] for row in first["data"]], first["has_more"]) == (batches[:0:-1], True)
    rest = as_alice.get(f"/v1/batches?after={first['last_id']}").json()
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == (batches[:1], False)
    assert as_charlie.get("/v1/batches").json()["data"] == []


def test_items_by_pages_and_status(send, as_alice):
    batch = batch_of(send(wanted(0), wanted(1, fps=99), wanted(2)))
    address = f"/v1/batches/{batch.public_id}/items"
    first = as_alice.get(f"{address}?limit=2").json()
    assert [row["custom_id"] for row in first["data"]] == ["shot-0", "shot-1"]
    rest = as_alice.get(f"{address}?after={first['last_id']}").json()
    assert [row["index"] for row in rest["data"]] == [2]
    refused = as_alice.get(f"{address}?status=refused").json()["data"]
    assert [(row["index"], row["error"]["param"]) for row in refused] == [(1, "fps")]
    assert as_alice.get(f"{address}?status=lost").status_code == 422


def test_a_deleted_video_leaves_its_item(send, as_alice):
    batch = batch_of(send(wanted(0), wanted(1)))
    delete_job(job=finish_next())
    [row] = as_alice.get(f"/v1/batches/{batch.public_id}/items?status=deleted").json()["data"]
    assert (row["status"], row["video"], row["error"]) == ("deleted", None, None)
    assert as_alice.get(f"/v1/batches/{batch.public_id}").json()["counts"]["deleted"] == 1


def test_another_team_finds_nothing(send, as_charlie):
    batch = batch_of(send(wanted(0)))
    address = f"/v1/batches/{batch.public_id}"
    answers = [as_charlie.get(address), as_charlie.get(f"{address}/items"), as_charlie.get(f"{address}/results")]
    answers.append(as_charlie.post(f"{address}/cancel"))
    assert {answer.status_code for answer in answers} == {404}
    assert Job.objects.get().state == "queued"


def test_cancel_withdraws_what_is_open(send, as_alice, alice):
    batch = batch_of(send(*map(wanted, range(4))))
    before = alice.wallet.balance + alice.wallet.reserved
    done = finish_next()
    first, second = (as_alice.post(f"/v1/batches/{batch.public_id}/cancel") for _ in range(2))
    assert (first.status_code, first.json()) == (200, second.json())
    assert (first.json()["status"], first.json()["counts"]["canceled"]) == ("canceled", 3)
    assert (alice.wallet.reserved, alice.wallet.balance) == (0, before - done.charged_credits)
    assert not list(find_discrepancies())


def test_who_may_only_look_cancels_nothing(send, as_bob):
    batch = batch_of(send(wanted(0)))
    assert as_bob.post(f"/v1/batches/{batch.public_id}/cancel").status_code == 403


def test_the_zip_holds_the_films_and_a_manifest(send, as_alice):
    batch = batch_of(send(wanted(0), wanted(1, fps=99), wanted(2, custom_id="shoe / left"), wanted(3)))
    assert as_alice.get(f"/v1/batches/{batch.public_id}/results").status_code == 409
    films = {finish_next(film).public_id: film for film in (b"first film", b"second film")}
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
            shown = as_alice.get(f"/v1/videos/{line['video']}/content")
            assert archive.read(line["file"]) == shown.content == films[line["video"]]
            assert line["seed"] == as_alice.get(f"/v1/videos/{line['video']}").json()["seed"]
    assert manifest[1]["error"]["param"] == "fps"


def test_a_film_that_is_gone_is_left_out(send, as_alice):
    batch = batch_of(send(wanted(0), wanted(1)))
    delete_job(job=finish_next())
    finish_next(b"stays")
    archive = results(as_alice, batch)
    assert archive.namelist() == ["001-shot-1.mp4", "manifest.jsonl"]
    [gone, _] = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    assert (gone["status"], gone["file"], gone["error"]["code"]) == ("deleted", None, "expired")


@pytest.mark.django_db(transaction=True)
def test_its_end_is_told_once_and_signed(send, alice, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = True
    with receiving() as receiver:
        hook = create_endpoint(
            team=alice.team, creator=alice.user, url=f"{receiver.url}/hook", kinds=["batch.completed"]
        )
        batch = batch_of(send(wanted(0), wanted(1), webhook_url=f"{receiver.url}/mine"))
        finish_next(), finish_next()
        for _ in range(3):
            finish_due_batches()
            dispatch_outbox()
            deliverer = Deliverer()
            deliverer()
            deliverer.finish()
        calls = {call.path: call for call in receiver.calls}
        assert len(receiver.calls) == len(calls) == 2
        told = calls["/hook"].verified(hook.secret)
        assert told == calls["/mine"].verified(per_job_endpoint(team_id=alice.team.pk).secret)
    assert (told["type"], told["data"]["id"]) == ("batch.completed", batch.public_id)
    assert (told["data"]["status"], told["data"]["counts"]["completed"]) == ("completed", 2)
    assert {call.headers["webhook-id"] for call in calls.values()} == {f"evt_{batch.id.hex}_batch_completed"}
    assert Delivery.objects.filter(kind="batch.completed").count() == 2


def test_a_canceled_one_is_told_as_such(send, alice, as_alice):
    create_endpoint(team=alice.team, creator=alice.user, url="https://example.com", kinds=["batch.canceled"])
    batch = batch_of(send(wanted(0)))
    as_alice.post(f"/v1/batches/{batch.public_id}/cancel")
    assert Delivery.objects.get().kind == "batch.canceled"
    assert Batch.objects.get().state == "canceled"
