"""`manage.py reconciler`: the loop that notices what nobody else would."""

import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from jobs.queue.reconcile import reconcile, reconcile_quotas, run_full_scans

# What is done, and the seconds until it is done again.
_TASK_INTERVALS_SECONDS = {
    reconcile: 0.0,  # with every turn of the loop
    reconcile_quotas: settings.QUOTA_INTERVAL_SECONDS,
    run_full_scans: settings.LEDGER_CHECK_INTERVAL_SECONDS,
}


class Command(BaseCommand):
    help = "Recovers jobs of dead workers, ends those past their deadline, re-rings lost doorbells. Two copies may run."

    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        due = dict.fromkeys(_TASK_INTERVALS_SECONDS, 0.0)
        while not stop.is_set():
            for task, interval_seconds in _TASK_INTERVALS_SECONDS.items():
                if time.monotonic() >= due[task]:
                    task()
                    due[task] = time.monotonic() + interval_seconds
            close_old_connections()
            stop.wait(settings.RECONCILE_INTERVAL_SECONDS)
