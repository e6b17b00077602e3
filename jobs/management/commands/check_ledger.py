"""`manage.py check_ledger`: exits with status 1 if it finds a discrepancy."""

from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.queue.ledger_check import find_discrepancies, find_missing_results


class Command(BaseCommand):
    help = "Compares wallets with the ledger, jobs with their ledger rows, and published results with the storage."

    def handle(self, *_args: Any, **_options: Any) -> None:
        discrepancies = list(chain(find_discrepancies(), find_missing_results()))
        for discrepancy in discrepancies:
            self.stdout.write(f"{discrepancy.rule}: {discrepancy.location}")
        if discrepancies:
            raise CommandError(f"{len(discrepancies)} discrepancies found.")
        self.stdout.write("Wallets, ledger, jobs and results agree.")
