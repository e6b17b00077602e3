"""A viewer is valid as long as its membership, its account, and its key or session are."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import ApiKey, Membership, User
from accounts.people.services import deactivate_user
from jobs.events.authorization import Viewer, revalidate
from tests.support.people import Person

# Each check closes the connections of its thread.
pytestmark = pytest.mark.django_db(transaction=True)


def by_session(person: Person) -> Viewer:
    return Viewer(person.team.pk, person.user.pk, None, person.cookie)


def by_key(person: Person) -> Viewer:
    assert person.key
    return Viewer(person.team.pk, person.user.pk, ApiKey.objects.get(creator=person.user).pk, None)


def sign_out(person: Person) -> None:
    person.post("/accounts/logout/")


def change_password(person: Person) -> None:
    user = User.objects.get(pk=person.user.pk)
    user.set_password("another-reel-1895")
    user.save()


def expire(person: Person) -> None:
    Session.objects.filter(pk=person.cookie).update(expire_date=timezone.now() - timedelta(seconds=1))


def leave(person: Person) -> None:
    Membership.objects.filter(user=person.user).delete()


def deactivate(person: Person) -> None:
    deactivate_user(user=person.user)


@pytest.mark.parametrize("end", [sign_out, change_password, expire, leave, deactivate])
def test_a_stream_of_a_browser_ends_with_its_session(
    end: Callable[[Person], None], alice: Person, charlie: Person
) -> None:
    viewers = {by_session(alice), by_session(charlie)}
    assert revalidate(viewers) == viewers
    end(alice)
    assert revalidate(viewers) == {by_session(charlie)}


def test_a_stream_of_a_key_does_not_depend_on_a_session(alice: Person) -> None:
    viewer = by_key(alice)
    sign_out(alice)
    assert revalidate({viewer}) == {viewer}
    ApiKey.objects.update(revoked_at=timezone.now())
    assert revalidate({viewer}) == set()


def test_a_session_belongs_to_its_own_user_only(alice: Person, charlie: Person) -> None:
    assert revalidate({Viewer(alice.team.pk, alice.user.pk, None, charlie.cookie)}) == set()
