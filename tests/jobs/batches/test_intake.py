"""Idempotency-Key: intake continues when a batch is sent again, and no video is created twice."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from inference.image_decoding.pool import DecodedImage
from jobs.batches import intake
from jobs.batches.models import Batch
from jobs.batches.services import finish_due_batches
from jobs.models import Job
from jobs.queue.ledger_check import find_discrepancies
from jobs.videos import submission
from tests.support.api_client import ApiClient
from tests.support.batches import Sent, batch_of, json_lines, send_form, video_request
from tests.support.images import png
from tests.support.people import Person
from tests.support.web_processes import WebProcesses

KEY = {"Idempotency-Key": "order-17"}
BAD_IMAGE = png(color="red")


@pytest.mark.django_db
def test_the_same_body_returns_the_same_batch(send: Sent) -> None:
    first, second = (send(video_request(1), video_request(2, fps=99), headers=KEY) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert [item["id"] for item in first.json()["items"]] == [item["id"] for item in second.json()["items"]]
    assert (Batch.objects.count(), Job.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_another_body_is_a_conflict(send: Sent, as_alice: ApiClient) -> None:
    send(video_request(1), headers=KEY)
    for response in (send(video_request(2), headers=KEY), send(video_request(1), name="other", headers=KEY)):
        assert (response.status_code, response.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_forms_are_compared_by_their_content(as_alice: ApiClient) -> None:
    first, second = (send_form(as_alice, json_lines([video_request(1)]), headers=KEY) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert send_form(as_alice, json_lines([video_request(2)]), headers=KEY).status_code == 409


@pytest.mark.django_db
def test_a_key_can_be_used_again_after_a_day(send: Sent) -> None:
    send(video_request(1), headers=KEY)
    Batch.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert send(video_request(2), headers=KEY).status_code == 202
    assert Batch.objects.count() == 2


@pytest.mark.django_db
def test_a_request_is_refused_while_another_holds_the_lease(send: Sent) -> None:
    batch = batch_of(send(video_request(1), headers=KEY))
    Batch.objects.filter(pk=batch.pk).update(intake_lease_until=timezone.now() + timedelta(seconds=60))
    response = send(video_request(1), headers=KEY)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "request_in_progress")
    assert int(response["Retry-After"]) > 0


@pytest.mark.django_db
def test_requests_are_pending_after_the_deadline(send: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "INTAKE_TIMEOUT_SECONDS", 0.0)
    counts = send(*map(video_request, range(3)), headers=KEY).json()["counts"]
    assert (counts["pending"], counts["total"]) == (3, 3)
    finish_due_batches()
    assert Batch.objects.get().state == "in_progress"
    monkeypatch.undo()
    assert send(*map(video_request, range(3)), headers=KEY).json()["counts"]["queued"] == 3


@pytest.mark.django_db
@pytest.mark.parametrize(("headers", "hours"), [({}, 0), (KEY, 2)])
def test_abandoned_intake_is_finished(
    headers: dict[str, str], hours: int, send: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "INTAKE_TIMEOUT_SECONDS", 0.0)
    batch = batch_of(send(video_request(1), headers=headers))
    Batch.objects.update(intake_lease_until=timezone.now() - timedelta(hours=hours))
    assert finish_due_batches() == 1
    batch.refresh_from_db()
    assert (batch.state, batch.items.count()) == ("completed", 0)


@pytest.mark.django_db
@pytest.mark.parametrize(("headers", "hours"), [({}, 0), (KEY, 2)])
def test_abandoned_intake_with_fail_fast_is_canceled(
    headers: dict[str, str], hours: int, send: Sent, alice: Person
) -> None:
    """The process was killed during the intake."""
    batch = batch_of(send(video_request(1), video_request(2), on_error="fail_fast", headers=headers))
    batch.items.get(index=1).delete()
    Batch.objects.update(intake_lease_until=timezone.now() - timedelta(hours=hours))
    finish_due_batches()
    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert {job.state for job in Job.objects.filter(batch_item__batch=batch)} == {"canceled"}
    assert list(find_discrepancies()) == []


@pytest.mark.django_db
def test_intake_pauses_while_the_storage_is_unavailable(send: Sent, settings: Any, tmp_path: Path) -> None:
    media = settings.STORAGES
    (tmp_path / "file").write_text("no folder")
    broken = {**media["default"], "OPTIONS": {"location": str(tmp_path / "file" / "media")}}
    settings.STORAGES = {**media, "default": broken}
    counts = send(video_request(1), video_request(2), headers=KEY).json()["counts"]
    assert (counts["pending"], Job.objects.count()) == (2, 0)
    settings.STORAGES = media
    assert send(video_request(1), video_request(2), headers=KEY).json()["counts"]["queued"] == 2


def _fail_to_decode(monkeypatch: pytest.MonkeyPatch, image: bytes, error: Exception) -> None:
    decode = submission._DECODER_POOL.decode

    def decode_others(data: bytes) -> DecodedImage:
        if data == image:
            raise error
        return decode(data)

    monkeypatch.setattr(submission._DECODER_POOL, "decode", decode_others)


@pytest.fixture
def send_two_images(send: Sent) -> Sent:
    """Return a function that sends a batch of three requests, of which only the second uses BAD_IMAGE."""
    images = {name: base64.b64encode(image).decode() for name, image in {"photo": png(), "bad": BAD_IMAGE}.items()}
    requests = [video_request(1), video_request(2, image_name="bad"), video_request(3)]
    return lambda **options: send(*requests, images=images, headers=KEY, **options)


@pytest.mark.django_db
def test_an_unexpected_error_refuses_one_request_alone(
    send_two_images: Sent, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_to_decode(monkeypatch, BAD_IMAGE, KeyError("Make"))
    first, again = send_two_images(), send_two_images()
    assert (first.status_code, again.status_code) == (202, 202), first.content
    items = first.json()["items"]
    assert [item["status"] for item in items] == ["queued", "refused", "queued"]
    assert (items[1]["custom_id"], items[1]["error"]["code"]) == ("shot-2", "internal")
    assert "An internal error occurred" in items[1]["error"]["message"]
    assert (again.json()["id"], again.json()["items"]) == (first.json()["id"], items)
    assert Job.objects.count() == 2
    assert alice.wallet.reserved == 2 * Job.objects.latest("pk").quoted_credits
    assert not list(find_discrepancies())


@pytest.mark.django_db
def test_an_unexpected_error_is_reported_with_fail_fast(send_two_images: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_to_decode(monkeypatch, BAD_IMAGE, KeyError("Make"))
    refused = send_two_images(on_error="fail_fast")
    assert refused.status_code == 422, refused.content
    [listed] = refused.json()["error"]["requests"]
    assert (listed["index"], listed["error"]["code"], Job.objects.count()) == (1, "internal", 0)


@pytest.mark.django_db
def test_intake_continues_after_an_outage_of_the_database(
    send_two_images: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_to_decode(monkeypatch, BAD_IMAGE, OperationalError("the connection is lost"))
    failed = send_two_images()
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "overloaded")
    assert Job.objects.count() == 1
    monkeypatch.undo()
    Batch.objects.update(intake_lease_until=timezone.now())
    assert send_two_images().json()["counts"]["queued"] == 3


@contextmanager
def blocked_at_take(number: int) -> Iterator[Callable[[], bool]]:
    """Block the insertion of the job with this take. Yield a function that returns whether it is being inserted."""
    with connection.cursor() as cursor:

        def is_reached() -> bool:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
            )
            return bool(cursor.fetchone()[0])

        cursor.execute(
            "CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_advisory_xact_lock(1891); RETURN NEW; END';"
            "CREATE TRIGGER blocked BEFORE INSERT ON jobs_job FOR EACH ROW"
            f" WHEN (NEW.prompt LIKE '%, take {number}') EXECUTE FUNCTION wait_for_the_test();"
            "SELECT pg_advisory_lock(1891)"
        )
        try:
            yield is_reached
        finally:
            cursor.execute("SELECT pg_advisory_unlock(1891); DROP FUNCTION wait_for_the_test CASCADE")


def test_intake_continues_after_its_process_was_killed(
    web_processes: Callable[..., WebProcesses], alice: Person
) -> None:
    """After kill -9 during the intake, the same body creates the remaining videos only."""
    import httpx

    from tests.support.workers import wait_until

    web = web_processes(1)
    files = {"requests": json_lines(map(video_request, range(200))), "photo": png()}
    children = web.process.children()
    with web.client(alice.headers | KEY) as client:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool, blocked_at_take(20) as is_reached:
            interrupted = pool.submit(client.post, "/v1/batches", files=files)
            wait_until(is_reached)
            for child in children:
                child.kill()
            with pytest.raises(httpx.TransportError):
                interrupted.result(60)
    batch = Batch.objects.get()
    # Complete items only: each has a job, and each job has an item.
    assert batch.items.count() == Job.objects.count() == 20
    with web.client(alice.headers | KEY) as client:
        counts: dict[str, Any] = {"pending": None}
        deadline = time.monotonic() + 240
        while counts["pending"] != 0 and time.monotonic() < deadline:
            response = client.post("/v1/batches", files=files)
            if response.status_code == 409:  # the lease of the killed process
                assert response.json()["error"]["code"] == "request_in_progress"
                time.sleep(1)
                continue
            counts = response.json()["counts"]
    assert (response.json()["id"], counts["queued"]) == (batch.public_id, 200)
    assert (Batch.objects.count(), Job.objects.count()) == (1, 200)
    assert [item["index"] for item in response.json()["items"]] == list(range(200))
    assert alice.wallet.reserved == counts["queued"] * Job.objects.latest("pk").quoted_credits
    assert not list(find_discrepancies())
