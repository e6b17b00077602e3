"""`manage.py grant TEAM CREDITS --reason R`: grants credits to a team, or takes some back."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.commands._arguments import find_team
from accounts.quota.models import LedgerEntry, Wallet
from accounts.quota.services import MAX_CREDITS_PER_ENTRY, adjust, grant
from common.errors import Conflict

_MAX_REASON_LENGTH = LedgerEntry._meta.get_field("reason").max_length or 0


class Command(BaseCommand):
    help = "Grants credits to a team; a negative number takes free credits back. The ledger records each movement."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", help="its number, its name, or the email address of its person")
        parser.add_argument(
            "credits",
            type=int,
            help="number of credits; a negative number takes them back, but the balance never becomes negative",
        )
        parser.add_argument("--reason", required=True, help="the reason to record in the ledger")

    def handle(self, *_args: Any, **options: Any) -> None:
        credits, reason = options["credits"], options["reason"].strip()  # noqa: A001 (the product's word)
        if not 0 < abs(credits) <= MAX_CREDITS_PER_ENTRY:
            raise CommandError(
                f"credits must be from 1 to {MAX_CREDITS_PER_ENTRY}, or from -{MAX_CREDITS_PER_ENTRY} to -1"
            )
        if not 0 < len(reason) <= _MAX_REASON_LENGTH:
            raise CommandError(f"--reason must have 1 to {_MAX_REASON_LENGTH} characters")
        team = find_team(options["team"])
        try:
            (grant if credits > 0 else adjust)(team=team, credits=credits, reason=reason)
        except Conflict as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{team} has {Wallet.objects.get(team=team).balance} credits")
