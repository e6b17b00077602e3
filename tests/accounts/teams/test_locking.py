"""Two at once, on a real database: the team's lock lets one after the other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.models import Membership, Team, User
from accounts.roles import Role
from accounts.teams.invitations import accept, invite
from accounts.teams.members import change_member, leave_team, remove_member, transfer_ownership
from common.errors import MutoscopeError
from tests.support.people import make_user
from tests.support.teams import role_of, studio

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


def together(*deeds: Callable[[], Any]) -> list[str]:
    """What became of deeds that begin in the same moment: "done", or the code of the refusal."""
    start = Barrier(len(deeds))

    def play(deed: Callable[[], Any]) -> str:
        try:
            start.wait(30)
            deed()
        except MutoscopeError as error:
            return error.code
        else:
            return "done"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return sorted(pool.map(play, deeds))


def user(name: str) -> User:
    return User.objects.get(email=f"{name}@example.com")


def owners(team: Team) -> int:
    return Membership.objects.filter(team=team, role=Role.OWNER).count()


def fresh_team() -> Team:
    owner = User.objects.filter(email="olga@example.com").first() or make_user("olga@example.com")
    return studio(owner, otto=Role.OWNER, mo=Role.MEMBER)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_two_owners_leave_at_once_and_one_stays(_round: int) -> None:
    team = fresh_team()
    done = together(*(lambda name=name: leave_team(team=team, user=user(name)) for name in ("olga", "otto")))
    assert done == ["done", "last_owner"]
    assert owners(team) == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_two_owners_demote_each_other_and_one_stays(_round: int) -> None:
    team = fresh_team()

    def demote(by: str, whom: str) -> None:
        change_member(
            team=team,
            actor=user(by),
            user_id=user(whom).pk,
            role=Role.MEMBER,
            credits_per_month=None,
            videos_per_day=None,
        )

    done = together(lambda: demote("olga", "otto"), lambda: demote("otto", "olga"))
    assert done == ["done", "role_too_low"]
    assert owners(team) == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_transfer_while_its_heir_is_removed(_round: int) -> None:
    team = fresh_team()
    done = together(
        lambda: transfer_ownership(team=team, actor=user("olga"), user_id=user("mo").pk),
        lambda: remove_member(team=team, actor=user("otto"), user_id=user("mo").pk),
    )
    # Removed first: there is no heir. Handed over first: another owner may remove the new one.
    assert done in (["done", "not_found"], ["done", "done"])
    assert role_of(team, "mo") is None
    assert owners(team) >= 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_clicks_on_one_invitation_make_one_membership(_round: int) -> None:
    team = fresh_team()
    nora = make_user("nora@example.com")
    _, secret = invite(team=team, actor=user("olga"), email=nora.email, role=Role.MEMBER, days=7)
    done = together(*[lambda: accept(secret=secret, user=nora)] * 4)
    assert done == ["done", "not_found", "not_found", "not_found"]
    assert Membership.objects.filter(team=team, user=nora).count() == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_two_invite_the_same_address(_round: int) -> None:
    team = fresh_team()

    def ask(by: str) -> None:
        invite(team=team, actor=user(by), email="new@example.com", role=Role.MEMBER, days=7)

    assert together(lambda: ask("olga"), lambda: ask("otto")) == ["already_invited", "done"]
