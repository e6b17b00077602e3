"""Old deliveries and outbox rows are deleted; pending and recent ones remain."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs.models import Job, JobEvent
from jobs.queue.cancel import cancel_job
from jobs.webhooks import purge
from jobs.webhooks.models import Delivery, DeliveryAttempt, DisabledReason, Endpoint
from jobs.webhooks.outbox import dispatch_outbox
from jobs.webhooks.purge import purge_logs
from jobs.webhooks.services import disable_endpoints, update_endpoint
from tests.support.api_client import ApiClient
from tests.support.people import Person

OLD, RECENT = timedelta(days=31), timedelta(days=29)


def store_delivery(hook: Endpoint, number: int, age: timedelta, state: str = "delivered") -> Delivery:
    created_at = timezone.now() - age
    is_pending = state == "pending"
    delivery = Delivery.objects.create(
        team=hook.team,
        endpoint=hook,
        kind="ping",
        event_id=f"evt_{number}",
        url=hook.url,
        body="{}",
        state=state,
        next_try_at=created_at if is_pending else None,
        finished_at=None if is_pending else created_at,
    )
    DeliveryAttempt.objects.create(delivery=delivery, number=1, seconds=0.1, status=200)
    return delivery


def test_old_deliveries_are_deleted_with_their_attempts(endpoint: Callable[..., Endpoint]) -> None:
    hook = endpoint()
    deleted = [store_delivery(hook, 1, OLD), store_delivery(hook, 2, OLD, "failed")]
    kept = [store_delivery(hook, 3, RECENT), store_delivery(hook, 4, OLD, "pending")]
    assert purge_logs() == len(deleted)
    assert set(Delivery.objects.all()) == set(kept)
    assert set(DeliveryAttempt.objects.values_list("delivery", flat=True)) == {delivery.pk for delivery in kept}
    assert purge_logs() == 0


def test_rows_are_deleted_in_batches(endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "_BATCH_SIZE", 2)
    monkeypatch.setattr(purge, "_MAX_BATCHES", 3)
    hook = endpoint()
    for number in range(7):
        store_delivery(hook, number, OLD)
    assert [purge_logs(), purge_logs()] == [6, 1]


def test_old_events_of_finished_videos_are_deleted(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint]
) -> None:
    endpoint()
    finished, waiting = submit(), submit()
    cancel_job(job=finished)
    dispatch_outbox()
    assert purge_logs() == 0
    JobEvent.objects.update(dispatched_at=timezone.now() - OLD)
    late = submit()
    cancel_job(job=late)  # not dispatched yet
    assert purge_logs() == 2
    assert set(JobEvent.objects.values_list("job", flat=True)) == {waiting.pk, late.pk}
    before = Delivery.objects.count()
    dispatch_outbox()
    assert Delivery.objects.count() == before + 1  # of the late video only


def test_zero_days_keep_the_log_permanently(endpoint: Callable[..., Endpoint], settings: Any) -> None:
    settings.WEBHOOK_LOG_RETENTION_DAYS = 0
    store_delivery(endpoint(), 1, timedelta(days=3650))
    assert purge_logs() == 0


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("en", "Disabled by a member of the team."),
        ("zh-hans", "已由团队成员停用。"),
        ("fr", "Disabled by a member of the team."),
    ],
)
def test_the_reason_for_disabling_is_localized(
    language: str, reason: str, alice: Person, as_alice: ApiClient, endpoint: Callable[..., Endpoint]
) -> None:
    hook = update_endpoint(endpoint=endpoint(), changes={"enabled": False})
    browser = Client(headers={"Accept-Language": language})
    browser.force_login(alice.user)
    assert reason in browser.get(f"/webhooks/{hook.public_id}").content.decode()
    assert as_alice.get(f"/v1/webhooks/{hook.public_id}").json()["disabled_reason"] == "by_hand"


def test_an_enabled_webhook_has_no_reason(as_alice: ApiClient, endpoint: Callable[..., Endpoint]) -> None:
    hook = endpoint()
    disable_endpoints(Endpoint.objects.all(), reason=DisabledReason.GONE)
    hook = update_endpoint(endpoint=hook, changes={"enabled": True})
    assert as_alice.get(f"/v1/webhooks/{hook.public_id}").json()["disabled_reason"] is None
