"""`manage.py reconciler`: the loop that notices what nobody else would."""

import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from jobs.services.reconcile import keep_quotas, reconcile, reconcile_slowly

# What is done, and the seconds until it is done again.
_ROUNDS = {
    reconcile: 0.0,  # with every turn of the loop
    keep_quotas: settings.QUOTA_SECONDS,
    reconcile_slowly: settings.AUDIT_SECONDS,
}


class Command(BaseCommand):
    help = "Recovers jobs of dead workers, ends those past their deadline, re-rings lost doorbells. Two copies may run."

    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        due = dict.fromkeys(_ROUNDS, 0.0)
        while not stop.is_set():
            for work, pause_seconds in _ROUNDS.items():
                if time.monotonic() >= due[work]:
                    work()
                    due[work] = time.monotonic() + pause_seconds
            close_old_connections()
            stop.wait(settings.RECONCILE_SECONDS)
