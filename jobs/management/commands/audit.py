"""`manage.py audit`: exits with 1 when the books do not agree."""

from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.services.audit import find_missing_results, find_money_drifts


class Command(BaseCommand):
    help = "Compares wallets with the ledger, jobs with their ledger rows, and published results with the storage."

    def handle(self, *_args: Any, **_options: Any) -> None:
        drifts = list(chain(find_money_drifts(), find_missing_results()))
        for drift in drifts:
            self.stdout.write(f"{drift.rule}: {drift.where}")
        if drifts:
            raise CommandError(f"{len(drifts)} drifts found.")
        self.stdout.write("Wallets, ledger, jobs and results agree.")
