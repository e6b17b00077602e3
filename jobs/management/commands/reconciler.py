"""`manage.py reconciler`: the loop that notices what nobody else would."""

import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from jobs.services.reconcile import reconcile, reconcile_slowly


class Command(BaseCommand):
    help = "Recovers jobs of dead workers, ends those past their deadline, re-rings lost doorbells. Two copies may run."

    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        slow_at = 0.0
        while not stop.is_set():
            reconcile()
            if time.monotonic() >= slow_at:
                reconcile_slowly()
                slow_at = time.monotonic() + settings.AUDIT_SECONDS
            close_old_connections()
            stop.wait(settings.RECONCILE_SECONDS)
