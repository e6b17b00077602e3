"""Old deliveries and outbox rows are forgotten; what may still be sent, and what is young, stays."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from jobs.models import JobEvent
from jobs.queue.cancel import cancel_job
from jobs.webhooks import purge
from jobs.webhooks.models import Delivery, DeliveryAttempt, DisabledReason, Endpoint
from jobs.webhooks.outbox import dispatch_outbox
from jobs.webhooks.purge import purge_logs
from jobs.webhooks.services import disable_endpoints, update_endpoint

OLD, YOUNG = timedelta(days=31), timedelta(days=29)


def delivered(hook: Endpoint, number: int, age: timedelta, state: str = "delivered") -> Delivery:
    then = timezone.now() - age
    open_ = state == "pending"
    delivery = Delivery.objects.create(
        team=hook.team,
        endpoint=hook,
        kind="ping",
        event_id=f"evt_{number}",
        url=hook.url,
        body="{}",
        state=state,
        next_try_at=then if open_ else None,
        finished_at=None if open_ else then,
    )
    DeliveryAttempt.objects.create(delivery=delivery, number=1, seconds=0.1, status=200)
    return delivery


def test_old_deliveries_go_with_their_tries(endpoint):
    hook = endpoint()
    gone = [delivered(hook, 1, OLD), delivered(hook, 2, OLD, "failed")]
    kept = [delivered(hook, 3, YOUNG), delivered(hook, 4, OLD, "pending")]
    assert purge_logs() == len(gone)
    assert set(Delivery.objects.all()) == set(kept)
    assert set(DeliveryAttempt.objects.values_list("delivery", flat=True)) == {delivery.pk for delivery in kept}
    assert purge_logs() == 0


def test_more_than_a_batch_goes_in_batches(endpoint, monkeypatch):
    monkeypatch.setattr(purge, "_BATCH_SIZE", 2)
    monkeypatch.setattr(purge, "_MOST_BATCH_SIZEES", 3)
    hook = endpoint()
    for number in range(7):
        delivered(hook, number, OLD)
    assert [purge_logs(), purge_logs()] == [6, 1]


def test_the_outbox_of_closed_videos_goes(submit, endpoint):
    endpoint()
    closed, waiting = submit(), submit()
    cancel_job(job=closed)
    dispatch_outbox()
    assert purge_logs() == 0
    JobEvent.objects.update(dispatched_at=timezone.now() - OLD)
    late = submit()
    cancel_job(job=late)  # not announced yet
    assert purge_logs() == 2
    assert set(JobEvent.objects.values_list("job", flat=True)) == {waiting.pk, late.pk}
    before = Delivery.objects.count()
    dispatch_outbox()
    assert Delivery.objects.count() == before + 1  # of the late one alone


def test_it_may_be_kept_for_good(endpoint, settings):
    settings.WEBHOOK_LOG_RETENTION_DAYS = 0
    delivered(endpoint(), 1, timedelta(days=3650))
    assert purge_logs() == 0


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Switched off by hand."), ("zh-hans", "已手动关闭。"), ("fr", "Switched off by hand.")],
)
def test_why_a_webhook_is_off_is_said_in_the_readers_language(language, words, alice, as_alice, endpoint):
    hook = update_endpoint(endpoint=endpoint(), changes={"enabled": False})
    browser = Client(headers={"Accept-Language": language})
    browser.force_login(alice.user)
    assert words in browser.get(f"/webhooks/{hook.public_id}").content.decode()
    assert as_alice.get(f"/v1/webhooks/{hook.public_id}").json()["disabled_reason"] == "by_hand"


def test_who_is_on_has_no_reason(as_alice, endpoint):
    hook = endpoint()
    disable_endpoints(Endpoint.objects.all(), reason=DisabledReason.GONE)
    hook = update_endpoint(endpoint=hook, changes={"enabled": True})
    assert as_alice.get(f"/v1/webhooks/{hook.public_id}").json()["disabled_reason"] is None
