"""Recording an attempt while its endpoint is changed or deleted: one waits for the other, and none fails."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from jobs.webhooks.delivery import record_attempt
from jobs.webhooks.models import Delivery, DeliveryAttempt, DisabledReason, Endpoint
from jobs.webhooks.services import create_endpoint, delete_endpoint, disable_endpoints, ping, update_endpoint
from jobs.webhooks.transport import DeliveryResult
from tests.support.workers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = DeliveryResult(status=500, seconds=0.1)
ACCEPTED = DeliveryResult(status=200, seconds=0.1)


@pytest.fixture
def delivery(alice: Any) -> Delivery:
    endpoint = create_endpoint(team=alice.team, creator=alice.user, url="https://receiver.invalid/", kinds=[])
    sent = ping(endpoint=endpoint)
    Delivery.objects.filter(pk=sent.pk).update(tries=1)
    return Delivery.objects.select_related("endpoint").get(pk=sent.pk)


class Recorder(threading.Thread):
    """Records the attempt on its own connection."""

    def __init__(self, delivery: Delivery, result: DeliveryResult) -> None:
        super().__init__()
        self.delivery, self.result = delivery, result
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            record_attempt(delivery=self.delivery, result=self.result)
        except Exception as error:  # checked by the test
            self.error = error
        finally:
            connection.close()


def _is_lock_awaited() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # otherwise a transaction caches the statistics
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("result", [REFUSED, ACCEPTED], ids=["refused", "accepted"])
@pytest.mark.parametrize("change", ["disabled", "moved", "deleted"])
def test_there_is_no_deadlock(delivery: Delivery, result: DeliveryResult, change: str) -> None:
    endpoint = delivery.endpoint
    Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=timezone.now())
    recorder = Recorder(delivery, result)
    with transaction.atomic():
        Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        recorder.start()
        wait_until(_is_lock_awaited, 60)
        if change == "disabled":
            disable_endpoints(Endpoint.objects.filter(pk=endpoint.pk), reason=DisabledReason.BY_HAND)
        elif change == "moved":
            update_endpoint(endpoint=endpoint, changes={"url": "https://elsewhere.invalid/"})
        else:
            delete_endpoint(endpoint=endpoint)
    recorder.join(60)
    assert recorder.error is None
    assert DeliveryAttempt.objects.count() == (change != "deleted")
    assert Delivery.objects.filter(state=Delivery.State.PENDING).count() == (change == "moved" and result is REFUSED)
