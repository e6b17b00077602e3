"""The webhook of a batch ends with the right of the person who sent it to make videos."""

from collections.abc import Callable

import pytest

from accounts.models import Membership
from accounts.roles import Role
from accounts.teams.access import downgrade_access, revoke_access
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


def become_viewer(person: Person) -> None:
    Membership.objects.filter(team=person.team, user=person.user).update(role=Role.VIEWER)
    downgrade_access(team=person.team, user=person.user, role=Role.VIEWER)


def finish(_person: Person) -> None:
    finish_due_batches()


@pytest.mark.parametrize("end", [remove, become_viewer])
@pytest.mark.parametrize("is_finished_first", [False, True])
def test_the_url_of_a_batch_receives_nothing_after_its_creator_lost_access(
    end: Callable[[Person], None], is_finished_first: bool, alice: Person, send: Sent, receiver: Receiver
) -> None:
    batch = batch_of(send(video_request(0), webhook_url=f"{receiver.url}/batch"))
    cancel_batch(batch=batch)
    for step in (finish, end) if is_finished_first else (end, finish):
        step(alice)
    batch.refresh_from_db()
    assert batch.is_finished
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()
    assert receiver.requests == []
    assert not Delivery.objects.filter(state=Delivery.State.PENDING).exists()
