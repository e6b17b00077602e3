"""`manage.py grant_monthly_credits`: grants the due monthly credits now, as the reconciler does regularly."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.quota.grants import grant_due_monthly_credits


class Command(BaseCommand):
    help = "Grants every team the monthly credits that are due. Running it again has no further effect."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(f"Teams that received their monthly credits: {grant_due_monthly_credits()}")
