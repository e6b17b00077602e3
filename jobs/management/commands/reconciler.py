"""`manage.py reconciler`: the loop that recovers from expired leases, passed deadlines and lost wake-ups."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from accounts.audit.services import purge as purge_audit_log
from accounts.quota.emails import create_due_warnings
from accounts.quota.grants import grant_due_monthly_credits
from accounts.teams.services import delete_due_teams
from jobs.queue.reconcile import check_ledger, reconcile, run_tasks
from jobs.videos.idempotency import delete_expired_keys


def reconcile_quotas() -> None:
    """Run one round of the tasks that depend on the calendar. They need not be on time to the second."""
    run_tasks(grant_due_monthly_credits, create_due_warnings)


def run_full_scans() -> None:
    """Run one round of the tasks that read whole tables."""
    run_tasks(delete_expired_keys, delete_due_teams, check_ledger, purge_audit_log)


# Each round, and its interval in seconds.
_ROUNDS: dict[Callable[[], None], float] = {
    reconcile: 0.0,  # in every iteration of the loop
    reconcile_quotas: settings.QUOTA_INTERVAL_SECONDS,
    run_full_scans: settings.LEDGER_CHECK_INTERVAL_SECONDS,
}


class Command(BaseCommand):
    help = "Recovers jobs of dead workers, expires late jobs, repeats lost wake-ups. Several instances may run."

    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        due = dict.fromkeys(_ROUNDS, 0.0)
        while not stop.is_set():
            for run_round, interval_seconds in _ROUNDS.items():
                if time.monotonic() >= due[run_round]:
                    run_round()
                    due[run_round] = time.monotonic() + interval_seconds
            close_old_connections()
            stop.wait(settings.RECONCILE_INTERVAL_SECONDS)
