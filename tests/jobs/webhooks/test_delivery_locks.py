"""A try that is noted while its endpoint is changed or deleted: one waits for the other, and neither fails."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from jobs.webhooks.delivery import record_attempt
from jobs.webhooks.models import Delivery, DeliveryAttempt, DisabledReason, Endpoint
from jobs.webhooks.services import create_endpoint, delete_endpoint, disable_endpoints, ping, update_endpoint
from jobs.webhooks.transport import AttemptResult
from tests.support.workers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = AttemptResult(status=500, excerpt="", error="", seconds=0.1)
TAKEN = AttemptResult(status=200, excerpt="", error="", seconds=0.1)


@pytest.fixture
def delivery(alice: Any) -> Delivery:
    endpoint = create_endpoint(team=alice.team, creator=alice.user, url="https://receiver.invalid/", kinds=[])
    sent = ping(endpoint=endpoint)
    Delivery.objects.filter(pk=sent.pk).update(tries=1)
    return Delivery.objects.select_related("endpoint").get(pk=sent.pk)


class Note(threading.Thread):
    """Notes what was resulted, on a connection of its own."""

    def __init__(self, delivery: Delivery, result: AttemptResult) -> None:
        super().__init__()
        self.delivery, self.result, self.error = delivery, result, None

    def run(self) -> None:
        try:
            record_attempt(delivery=self.delivery, result=self.result, now=timezone.now())
        except Exception as error:  # looked at by the test
            self.error = error
        finally:
            connection.close()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # what a transaction has seen once, it sees for ever
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("result", [REFUSED, TAKEN], ids=["refused", "taken"])
@pytest.mark.parametrize("what", ["switched off", "moved", "deleted"])
def test_neither_blocks_the_other(delivery: Delivery, result: AttemptResult, what: str) -> None:
    endpoint = delivery.endpoint
    Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=timezone.now())
    note = Note(delivery, result)
    with transaction.atomic():
        Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        note.start()
        wait_until(_somebody_waits, 60)
        if what == "switched off":
            disable_endpoints(Endpoint.objects.filter(pk=endpoint.pk), reason=DisabledReason.BY_HAND)
        elif what == "moved":
            update_endpoint(endpoint=endpoint, changes={"url": "https://elsewhere.invalid/"})
        else:
            delete_endpoint(endpoint=endpoint)
    note.join(60)
    assert note.error is None
    assert DeliveryAttempt.objects.count() == (what != "deleted")
    assert Delivery.objects.filter(state=Delivery.State.PENDING).count() == (what == "moved" and result is REFUSED)
