"""The side worker: slow chores that would hold up the reconciler or a request."""

import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from jobs.services.cleanup import delete_due_files
from jobs.services.doorbell import SIDE_QUEUE
from jobs.services.orphans import sweep_orphans
from jobs.worker.bell import BellWorker

log = structlog.get_logger(__name__)


class SideWorker(BellWorker):
    """Rung for every deletion; finds in Postgres what there is to do."""

    def __init__(self) -> None:
        super().__init__(SIDE_QUEUE)
        self._sweep_at = time.monotonic() + settings.ORPHAN_SECONDS

    def run(self) -> None:
        """Works until told to stop."""
        self._install_signal_handlers()
        while not self.stopping:
            self.show_in_registry()
            try:
                delete_due_files()
                self._sweep_when_due()
            except (AnyDatabaseError, OSError) as error:
                log.warning("chores_failed", reason=str(error).strip())
                close_old_connections()
                time.sleep(1)
            if self.wait_for_bell():
                self.silence_bell()
        self.leave_registry()

    def _sweep_when_due(self) -> None:
        if time.monotonic() >= self._sweep_at:
            sweep_orphans(older_than=timedelta(seconds=settings.ORPHAN_SECONDS))
            self._sweep_at = time.monotonic() + settings.ORPHAN_SECONDS
