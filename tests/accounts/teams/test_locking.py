"""Concurrent changes on a real database: the lock on the team serializes them."""

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
from tests.support.teams import make_team, role_of

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


def run_concurrently(*operations: Callable[[], Any]) -> list[str]:
    """Start operations at the same moment. Return for each "done" or the code of its error, sorted."""
    start = Barrier(len(operations))

    def run(operation: Callable[[], Any]) -> str:
        try:
            start.wait(30)
            operation()
        except MutoscopeError as error:
            return error.code
        else:
            return "done"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(operations)) as pool:
        return sorted(pool.map(run, operations))


def user(name: str) -> User:
    return User.objects.get(email=f"{name}@example.com")


def owners(team: Team) -> int:
    return Membership.objects.filter(team=team, role=Role.OWNER).count()


def fresh_team() -> Team:
    owner = User.objects.filter(email="olga@example.com").first() or make_user("olga@example.com")
    return make_team(owner, otto=Role.OWNER, mo=Role.MEMBER)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_of_two_owners_who_leave_one_stays(_round: int) -> None:
    team = fresh_team()
    outcomes = run_concurrently(
        *(lambda name=name: leave_team(team=team, user=user(name)) for name in ("olga", "otto"))
    )
    assert outcomes == ["done", "last_owner"]
    assert owners(team) == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_of_two_owners_who_demote_each_other_one_stays(_round: int) -> None:
    team = fresh_team()

    def demote(by: str, target: str) -> None:
        change_member(
            team=team,
            actor=user(by),
            user_id=user(target).pk,
            role=Role.MEMBER,
            credits_per_month=None,
            videos_per_day=None,
        )

    outcomes = run_concurrently(lambda: demote("olga", "otto"), lambda: demote("otto", "olga"))
    assert outcomes == ["done", "role_too_low"]
    assert owners(team) == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_transfer_while_the_new_owner_is_removed(_round: int) -> None:
    team = fresh_team()
    outcomes = run_concurrently(
        lambda: transfer_ownership(team=team, actor=user("olga"), user_id=user("mo").pk),
        lambda: remove_member(team=team, actor=user("otto"), user_id=user("mo").pk),
    )
    # If removed first, the transfer fails. If transferred first, another owner may remove the new one.
    assert outcomes in (["done", "not_found"], ["done", "done"])
    assert role_of(team, "mo") is None
    assert owners(team) >= 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_concurrent_acceptances_create_one_membership(_round: int) -> None:
    team = fresh_team()
    nora = make_user("nora@example.com")
    _, secret = invite(team=team, actor=user("olga"), email=nora.email, role=Role.MEMBER, days=7)
    outcomes = run_concurrently(*[lambda: accept(secret=secret, user=nora)] * 4)
    assert outcomes == ["done", "not_found", "not_found", "not_found"]
    assert Membership.objects.filter(team=team, user=nora).count() == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_concurrent_invitations_of_one_email_address(_round: int) -> None:
    team = fresh_team()

    def invite_new(by: str) -> None:
        invite(team=team, actor=user(by), email="new@example.com", role=Role.MEMBER, days=7)

    assert run_concurrently(lambda: invite_new("olga"), lambda: invite_new("otto")) == ["already_invited", "done"]
