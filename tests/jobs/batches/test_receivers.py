"""The webhook of a batch ends with the membership of the person who sent it."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Membership
from accounts.teams.access import revoke_access
from jobs.batches.services import cancel_batch, finish_due_batches
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.models import Delivery
from tests.support.batches import Sent, batch_of, video_request
from tests.support.people import Person
from tests.support.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def remove(person: Person) -> None:
    Membership.objects.filter(team=person.team, user=person.user).delete()
    revoke_access(team=person.team, user=person.user)


def finish(_person: Person) -> None:
    finish_due_batches()


@pytest.mark.parametrize("steps", [(remove, finish), (finish, remove)], ids=["before", "after"])
def test_the_url_of_a_batch_receives_nothing_after_its_creator_left(
    steps: tuple[Callable[..., Any], ...], alice: Person, send: Sent, receiver: Receiver
) -> None:
    batch = batch_of(send(video_request(0), webhook_url=f"{receiver.url}/batch"))
    cancel_batch(batch=batch)
    for step in steps:
        step(alice)
    batch.refresh_from_db()
    assert batch.is_finished
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()
    assert receiver.requests == []
    assert not Delivery.objects.filter(state=Delivery.State.PENDING).exists()
