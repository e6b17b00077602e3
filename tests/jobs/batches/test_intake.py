"""Idempotency-Key: a batch that is sent again goes on where it stopped, and nothing is made twice."""

import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from jobs.batches import intake
from jobs.batches.models import Batch
from jobs.batches.services import finish_due_batches
from jobs.models import Job
from jobs.queue.ledger_check import find_discrepancies
from tests.support.batches import batch_of, form, lines, wanted

KEY = {"Idempotency-Key": "order-17"}


@pytest.mark.django_db
def test_the_same_body_gives_the_same_batch(send):
    first, second = (send(wanted(1), wanted(2, fps=99), headers=KEY) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert [item["id"] for item in first.json()["items"]] == [item["id"] for item in second.json()["items"]]
    assert (Batch.objects.count(), Job.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_another_body_is_a_conflict(send, as_alice):
    send(wanted(1), headers=KEY)
    for answer in (send(wanted(2), headers=KEY), send(wanted(1), name="other", headers=KEY)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_forms_are_compared_by_their_content(as_alice):
    first, second = (form(as_alice, lines([wanted(1)]), headers=KEY) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert form(as_alice, lines([wanted(2)]), headers=KEY).status_code == 409


@pytest.mark.django_db
def test_after_a_day_the_key_is_free_again(send):
    send(wanted(1), headers=KEY)
    Batch.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert send(wanted(2), headers=KEY).status_code == 202
    assert Batch.objects.count() == 2


@pytest.mark.django_db
def test_two_calls_at_once_are_not_at_one_batch(send):
    batch = batch_of(send(wanted(1), headers=KEY))
    Batch.objects.filter(pk=batch.pk).update(intake_lease_until=timezone.now() + timedelta(seconds=60))
    answer = send(wanted(1), headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "request_in_progress")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.django_db
def test_a_call_without_time_says_what_was_pending(send, monkeypatch):
    monkeypatch.setattr(intake, "INTAKE_TIMEOUT_SECONDS", 0.0)
    counts = send(*map(wanted, range(3)), headers=KEY).json()["counts"]
    assert (counts["pending"], counts["total"]) == (3, 3)
    finish_due_batches()
    assert Batch.objects.get().state == "in_progress"
    monkeypatch.undo()
    assert send(*map(wanted, range(3)), headers=KEY).json()["counts"]["queued"] == 3


@pytest.mark.django_db
@pytest.mark.parametrize(("headers", "hours"), [({}, 0), (KEY, 2)])
def test_what_nobody_goes_on_with_ends(headers, hours, send, monkeypatch):
    monkeypatch.setattr(intake, "INTAKE_TIMEOUT_SECONDS", 0.0)
    batch = batch_of(send(wanted(1), headers=headers))
    Batch.objects.update(intake_lease_until=timezone.now() - timedelta(hours=hours))
    assert finish_due_batches() == 1
    batch.refresh_from_db()
    assert (batch.state, batch.items.count()) == ("completed", 0)


@pytest.mark.django_db
@pytest.mark.parametrize(("headers", "hours"), [({}, 0), (KEY, 2)])
def test_of_all_or_nothing_a_part_does_not_stay(headers, hours, send, alice):
    """A call that died in the middle of `fail_fast`."""
    batch = batch_of(send(wanted(1), wanted(2), on_error="fail_fast", headers=headers))
    batch.items.get(index=1).delete()
    Batch.objects.update(intake_lease_until=timezone.now() - timedelta(hours=hours))
    finish_due_batches()
    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert {job.state for job in Job.objects.filter(batch_item__batch=batch)} == {"canceled"}
    assert list(find_discrepancies()) == []


@pytest.mark.django_db
def test_a_storage_that_is_away_stops_it_and_a_repeat_goes_on(send, settings, tmp_path):
    media = settings.STORAGES
    (tmp_path / "file").write_text("no folder")
    gone = {**media["default"], "OPTIONS": {"location": str(tmp_path / "file" / "media")}}
    settings.STORAGES = {**media, "default": gone}
    counts = send(wanted(1), wanted(2), headers=KEY).json()["counts"]
    assert (counts["pending"], Job.objects.count()) == (2, 0)
    settings.STORAGES = media
    assert send(wanted(1), wanted(2), headers=KEY).json()["counts"]["queued"] == 2


@contextmanager
def held_at_take(number):
    """The job of that take is not inserted before the block ends; gives what says whether somebody waits to do so."""
    with connection.cursor() as cursor:

        def is_reached():
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
            )
            return cursor.fetchone()[0]

        cursor.execute(
            "CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_advisory_xact_lock(1891); RETURN NEW; END';"
            "CREATE TRIGGER held BEFORE INSERT ON jobs_job FOR EACH ROW"
            f" WHEN (NEW.prompt LIKE '%, take {number}') EXECUTE FUNCTION wait_for_the_test();"
            "SELECT pg_advisory_lock(1891)"
        )
        try:
            yield is_reached
        finally:
            cursor.execute("SELECT pg_advisory_unlock(1891); DROP FUNCTION wait_for_the_test CASCADE")


def test_a_process_that_is_killed_in_the_middle(web_processes, alice):
    """kill -9 while requests are taken; the same again takes the rest, and no more."""
    import httpx

    from tests.support.images import png
    from tests.support.workers import wait_until

    web = web_processes(1)
    files = {"requests": lines(map(wanted, range(200))), "photo": png()}
    children = web.process.children()
    with web.client(alice.headers | KEY) as client:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool, held_at_take(20) as is_reached:
            answer = pool.submit(client.post, "/v1/batches", files=files)
            wait_until(is_reached)
            for child in children:
                child.kill()
            with pytest.raises(httpx.TransportError):
                answer.result(60)
    batch = Batch.objects.get()
    # Whole items alone: each with its job, each job with its item.
    assert batch.items.count() == Job.objects.count() == 20
    with web.client(alice.headers | KEY) as client:
        counts = {"pending": None}
        end = time.monotonic() + 240
        while counts["pending"] != 0 and time.monotonic() < end:
            answer = client.post("/v1/batches", files=files)
            if answer.status_code == 409:  # the dead one's lease
                assert answer.json()["error"]["code"] == "request_in_progress"
                time.sleep(1)
                continue
            counts = answer.json()["counts"]
    assert (answer.json()["id"], counts["queued"]) == (batch.public_id, 200)
    assert (Batch.objects.count(), Job.objects.count()) == (1, 200)
    assert [item["index"] for item in answer.json()["items"]] == list(range(200))
    assert alice.wallet.reserved == counts["queued"] * Job.objects.first().quoted_credits
    assert not list(find_discrepancies())
