"""A team and its starting credits."""

import pytest
from django.conf import settings

from accounts.models import Membership, User
from accounts.quota.models import LedgerEntry, Wallet
from accounts.roles import Role
from accounts.teams.services import ensure_personal_team, provision_team
from tests.support.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return make_user("alice@example.com")


def test_a_new_team_has_an_owner_and_starting_credits(owner: User) -> None:
    team = provision_team(name="Studio", owner=owner)

    assert Membership.objects.get(team=team).role == Role.OWNER
    assert Wallet.objects.get(team=team).balance == settings.STARTING_CREDITS
    entry = LedgerEntry.objects.get(team=team)
    assert (entry.kind, entry.balance_delta, entry.reserved_delta) == ("grant", settings.STARTING_CREDITS, 0)


def test_a_user_has_one_personal_team(owner: User) -> None:
    assert ensure_personal_team(user=owner) == ensure_personal_team(user=owner)
