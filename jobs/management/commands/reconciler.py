"""`manage.py reconciler`: the loop that recovers from expired leases, passed deadlines and lost wake-ups."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from jobs.queue.reconcile import reconcile


class Command(BaseCommand):
    help = "Recovers jobs of dead workers, expires late jobs, enqueues due tasks. Several instances may run."

    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            reconcile()
            close_old_connections()
            stop.wait(settings.RECONCILE_INTERVAL_SECONDS)
