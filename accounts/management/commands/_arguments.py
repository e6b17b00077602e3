"""What several commands read from the command line."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime

from django.core.management.base import CommandError

from accounts.models import Team, User


def find_team(text: str) -> Team:
    """A team by its number, by the address of who it personally belongs to, or by its name where one alone has it."""
    if text.isdecimal() and len(text) < 19 and (team := Team.objects.filter(pk=int(text)).first()):
        return team
    named = list(Team.objects.filter(personal_of__email__iexact=text)[:2]) or list(Team.objects.filter(name=text)[:2])
    if len(named) > 1:
        raise CommandError(f"Several teams are called {text!r}. Name yours by its number on the admin's page Teams.")
    if not named:
        raise CommandError(
            f"There is no team {text!r}. Give its number, its name, or the e-mail address of its person."
        )
    return named[0]


def find_user(email: str) -> User:
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"There is no account {email!r}.")
    return user


def future_datetime(text: str) -> datetime:
    """`2027-01-31` or `2027-01-31T12:00`, UTC unless it says otherwise; it has to lie ahead."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date; write it as 2027-01-31") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found <= datetime.now(UTC):
        raise ArgumentTypeError(f"{text!r} has passed")
    return found
