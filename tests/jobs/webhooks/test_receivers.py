"""Webhooks end with the membership of the person who created them."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Membership
from accounts.people.services import deactivate_user
from accounts.roles import Role
from accounts.teams.access import delete_team, downgrade_access, revoke_access
from accounts.teams.members import change_member, remove_member
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.models import Delivery, DisabledReason, Endpoint
from jobs.webhooks.outbox import dispatch_outbox
from jobs.webhooks.services import create_endpoint
from tests.support.people import Person
from tests.support.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def theirs(alice: Person, mia: Person, receiver: Receiver) -> Endpoint:
    """An endpoint that Mia created while she was an administrator of the team."""
    Membership.objects.filter(team=alice.team, user=mia.user).update(role=Role.ADMIN)
    return create_endpoint(team=alice.team, creator=mia.user, url=f"{receiver.url}/theirs", kinds=["video.canceled"])


def deliver() -> None:
    dispatch_outbox()
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()


def remove(alice: Person, mia: Person) -> None:
    remove_member(team=alice.team, actor=alice.user, user_id=mia.user.pk)


def become_member(alice: Person, mia: Person) -> None:
    caps: dict[str, Any] = {"credits_per_month": None, "videos_per_day": None}
    change_member(team=alice.team, actor=alice.user, user_id=mia.user.pk, role=Role.MEMBER, **caps)


def deactivate(alice: Person, mia: Person) -> None:
    deactivate_user(user=mia.user)


@pytest.mark.parametrize("end", [remove, become_member, deactivate])
def test_the_endpoint_of_a_former_administrator_receives_nothing(
    end: Callable[[Person, Person], None],
    theirs: Endpoint,
    alice: Person,
    mia: Person,
    endpoint: Callable[..., Endpoint],
    receiver: Receiver,
    submit: Callable[..., Job],
) -> None:
    others, before, after = endpoint("/others"), submit(), submit()
    cancel_job(job=before)
    dispatch_outbox()
    end(alice, mia)
    cancel_job(job=after)
    deliver()
    deliver()
    assert [received.path for received in receiver.requests] == ["/others", "/others"]
    theirs.refresh_from_db()
    others.refresh_from_db()
    assert (theirs.disabled_reason, others.disabled_reason) == (DisabledReason.CREATOR_LEFT, "")
    assert not Delivery.objects.filter(state=Delivery.State.PENDING).exists()


def test_no_endpoint_of_a_deleted_team_receives_anything(
    theirs: Endpoint, alice: Person, receiver: Receiver, submit: Callable[..., Job]
) -> None:
    submit()
    delete_team(team=alice.team)
    deliver()
    assert receiver.requests == []


def test_an_event_that_is_dispatched_during_the_removal_is_not_sent(
    theirs: Endpoint, alice: Person, receiver: Receiver, submit: Callable[..., Job]
) -> None:
    cancel_job(job=submit())
    dispatch_outbox()
    # What the removal does, before it sees the delivery.
    Endpoint.objects.filter(pk=theirs.pk).update(disabled_at="2026-01-01T00:00Z", disabled_reason="creator_left")
    deliver()
    assert receiver.requests == []
    assert Delivery.objects.get().state == Delivery.State.FAILED


def leave(person: Person) -> None:
    Membership.objects.filter(team=person.team, user=person.user).delete()
    revoke_access(team=person.team, user=person.user)


def become_viewer(person: Person) -> None:
    Membership.objects.filter(team=person.team, user=person.user).update(role=Role.VIEWER)
    downgrade_access(team=person.team, user=person.user, role=Role.VIEWER)


@pytest.mark.parametrize("end", [leave, become_viewer])
def test_the_webhook_url_of_a_video_receives_nothing_after_its_creator_lost_access(
    end: Callable[[Person], None], alice: Person, receiver: Receiver, submit: Callable[..., Job]
) -> None:
    job, other = submit(webhook_url=f"{receiver.url}/job"), submit(webhook_url=f"{receiver.url}/other")
    cancel_job(job=other)
    deliver()
    assert [received.path for received in receiver.requests] == ["/other"]
    end(alice)
    assert Job.objects.get(pk=job.pk).state == "canceled"
    deliver()
    assert [received.path for received in receiver.requests] == ["/other"]
