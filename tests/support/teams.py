"""Helpers of the tests of teams."""

import re
from typing import Any

from django.core import mail

from accounts.models import Membership, Team, User
from accounts.roles import Role
from accounts.teams.services import provision_team
from tests.support.people import Person, make_user, sign_in


def make_team(owner: User, **members: Role) -> Team:
    """Create a team beside the personal one, with members by the first part of their email address."""
    team = provision_team(name="Studio", owner=owner)
    for name, role in members.items():
        email = f"{name}@example.com"
        user = User.objects.filter(email=email).first() or make_user(email)
        Membership.objects.create(team=team, user=user, role=role)
    return team


def member_of(team: Team, name: str) -> Person:
    """Return a member of the team with a browser."""
    return sign_in(User.objects.get(email=f"{name}@example.com"), team)


def role_of(team: Team, name: str) -> str | None:
    return (
        Membership.objects.filter(team=team, user__email=f"{name}@example.com").values_list("role", flat=True).first()
    )


def link_in_mail() -> str:
    """Return the path of the link in the last email."""
    found = re.search(r"https?://[^/\s]+(/join/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())).replace("&#x27;", "'")
