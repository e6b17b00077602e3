"""`manage.py grant_monthly_credits`: what the reconciler does every minute, at once."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.quota.grants import grant_due_monthly_credits


class Command(BaseCommand):
    help = "Gives every team the monthly credits that are due to it. Running it again does nothing more."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(f"Teams that got their monthly credits: {grant_due_monthly_credits()}")
