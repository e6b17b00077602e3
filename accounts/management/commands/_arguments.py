"""Command-line arguments that several commands share."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime

from django.core.management.base import CommandError

from accounts.models import Team, User


def find_team(text: str) -> Team:
    """Return a team by its number, the email address of its user (personal team), or its name if that is unique."""
    if text.isdecimal() and len(text) < 19 and (team := Team.objects.filter(pk=int(text)).first()):
        return team
    teams = list(Team.objects.filter(personal_of__email=text)[:2]) or list(Team.objects.filter(name=text)[:2])
    if len(teams) > 1:
        raise CommandError(
            f"Several teams are called {text!r}. Use the number from the Teams page of the administration."
        )
    if not teams:
        raise CommandError(f"There is no team {text!r}. Use its number, its name, or the email address of its person.")
    return teams[0]


def find_user(email: str) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        raise CommandError(f"There is no account {email!r}.")
    return user


def future_datetime(text: str) -> datetime:
    """Parse `2027-01-31` or `2027-01-31T12:00`, in UTC unless it has an offset. It must be in the future."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date; use the format 2027-01-31") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= datetime.now(UTC):
        raise ArgumentTypeError(f"{text!r} is in the past")
    return moment
