"""`manage.py create_key --email E`: account, team and key where they are missing; prints the key alone."""

import secrets
from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import ApiKey, User
from accounts.quota.services import grant
from accounts.services import create_api_key, ensure_personal_team

MOST_CREDITS = 1_000_000_000
_LONGEST_EMAIL = User._meta.get_field("email").max_length or 0
_LONGEST_NAME = ApiKey._meta.get_field("name").max_length or 0


class Command(BaseCommand):
    help = "Makes an account with its team and a new API key; prints the key alone on standard output, for scripts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose account; made, already confirmed, if missing")
        parser.add_argument("--credits", type=int, default=0, help="credits to grant the team on top")
        parser.add_argument("--name", default="command line", help="the key's name on the API keys page")
        parser.add_argument(
            "--password", default=None, help="password for an account that is made now (default: random)"
        )

    @transaction.atomic
    def handle(self, *_args: Any, **options: Any) -> None:
        email = _checked_email(options["email"].lower())
        if not 0 <= options["credits"] <= MOST_CREDITS:
            raise CommandError(f"--credits must be from 0 to {MOST_CREDITS}")
        if not 0 < len(options["name"]) <= _LONGEST_NAME:
            raise CommandError(f"--name must have 1 to {_LONGEST_NAME} characters")
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            user = User.objects.create_user(email, options["password"] or secrets.token_urlsafe(16))
            EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        team = ensure_personal_team(user=user)
        if options["credits"]:
            grant(team=team, credits=options["credits"], reason="granted by create_key")
        _key, clear_text = create_api_key(team=team, creator=user, name=options["name"])
        self.stdout.write(clear_text)


def _checked_email(email: str) -> str:
    if len(email) > _LONGEST_EMAIL:
        raise CommandError(f"--email must have at most {_LONGEST_EMAIL} characters")
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"--email {email!r}: {error.messages[0]}") from None
    return email
