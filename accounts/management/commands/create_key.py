"""`manage.py create_key --email E`: creates an API key, and account and team if missing; prints only the key."""

import secrets
import sys
from getpass import getpass
from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from accounts.keys.services import create_api_key
from accounts.management.commands._arguments import find_team, future_datetime
from accounts.models import ApiKey, Membership, Team, User
from accounts.quota.services import MAX_CREDITS_PER_ENTRY, grant
from accounts.roles import SCOPES_OF_ROLE, Role, Scope
from accounts.teams.services import ensure_personal_team
from common.email_addresses import canonical_email

_MAX_EMAIL_LENGTH = User._meta.get_field("email").max_length or 0
_MAX_NAME_LENGTH = ApiKey._meta.get_field("name").max_length or 0


class Command(BaseCommand):
    help = (
        "Creates an API key, and its account and team if missing. Prints only the key on standard output, for scripts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--email", required=True, help="email address of the account; created as confirmed if missing"
        )
        parser.add_argument("--credits", type=int, default=0, help="credits to grant to the team")
        parser.add_argument("--name", default="command line", help="the key's name on the API keys page")
        parser.add_argument("--team", default=None, help="number or name of the team (default: the personal team)")
        parser.add_argument("--scopes", default=None, help=f"comma-separated, from {', '.join(Scope)} (default: all)")
        parser.add_argument(
            "--expires", type=future_datetime, default=None, help="expiry date, such as 2027-01-31 (default: never)"
        )
        # The value itself is no argument: all users of the machine see the arguments of its processes.
        parser.add_argument(
            "--password",
            action="store_true",
            help="ask for the password of a new account, or read it from standard input (default: a random password)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        email = _validated_email(options["email"])
        if not 0 <= options["credits"] <= MAX_CREDITS_PER_ENTRY:
            raise CommandError(f"--credits must be from 0 to {MAX_CREDITS_PER_ENTRY}")
        if not 0 < len(options["name"]) <= _MAX_NAME_LENGTH:
            raise CommandError(f"--name must have 1 to {_MAX_NAME_LENGTH} characters")
        user = User.objects.filter(email=email).first()
        if user is not None and options["password"] is True:
            self.stderr.write(f"{email} has an account. Its password was not changed.")
        # Asked for here: PostgreSQL ends a transaction that waits for somebody to type.
        password = _password(options["password"]) if user is None else ""
        with transaction.atomic():
            clear_text = self._create_key(user or _create_user(email, password), options)
        self.stdout.write(clear_text)

    def _create_key(self, user: User, options: dict[str, Any]) -> str:
        team = find_team(options["team"]) if options["team"] else ensure_personal_team(user=user)
        scopes = _parse_scopes(options["scopes"], _role(user, team))
        if options["credits"]:
            grant(team=team, credits=options["credits"], reason="granted by create_key")
        _key, clear_text = create_api_key(
            team=team, creator=user, name=options["name"], scopes=scopes, expires_at=options["expires"]
        )
        return clear_text


def _create_user(email: str, password: str) -> User:
    user = User.objects.create_user(email, password)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _password(choice: bool | str) -> str:
    """Return the password that is passed by another command, typed or piped (if the choice is True), or random."""
    if choice is True:
        choice = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        if not choice:
            raise CommandError("--password: the password is empty")
    return choice or secrets.token_urlsafe(16)


def _validated_email(email: str) -> str:
    if len(email) > _MAX_EMAIL_LENGTH:
        raise CommandError(f"--email must have at most {_MAX_EMAIL_LENGTH} characters")
    try:
        email = canonical_email(email)
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"--email {email!r}: {error.messages[0]}") from None
    return email


def _role(user: User, team: Team) -> Role:
    membership = Membership.objects.filter(user=user, team=team).first()
    if membership is None:
        raise CommandError(f"{user} is not a member of {team}. Invite them first.")
    return Role(membership.role)


def _parse_scopes(text: str | None, role: Role) -> list[Scope]:
    """Return the named scopes, which the role must include; all scopes by default, since the role may change later."""
    if text is None:
        return list(Scope)
    names = [name.strip() for name in text.split(",")]
    if invalid := [name for name in names if name not in SCOPES_OF_ROLE[role]]:
        raise CommandError(
            f"--scopes: the role {role.value} does not include {', '.join(invalid)}. Scopes: {', '.join(Scope)}"
        )
    return [Scope(name) for name in names]
