import pytest
from django.conf import settings

from accounts.models import Membership, User
from accounts.quota.models import LedgerEntry, Wallet
from accounts.roles import Role
from accounts.teams.services import ensure_personal_team, provision_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice@example.com", "a long password")


def test_a_new_team_has_its_owner_and_the_starting_credits(alice: User) -> None:
    team = provision_team(name="Studio", owner=alice)

    assert Membership.objects.get(team=team).role == Role.OWNER
    assert Wallet.objects.get(team=team).balance == settings.STARTING_CREDITS
    entry = LedgerEntry.objects.get(team=team)
    assert (entry.kind, entry.balance_delta, entry.reserved_delta) == ("grant", settings.STARTING_CREDITS, 0)


def test_a_user_has_one_personal_team_however_often_it_is_asked_for(alice: User) -> None:
    assert ensure_personal_team(user=alice) == ensure_personal_team(user=alice)
