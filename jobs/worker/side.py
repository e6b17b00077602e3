"""The side worker: slow chores that would hold up the reconciler or a request."""

import time

import structlog
from django.db import DatabaseError, close_old_connections

from jobs.services.cleanup import delete_due_files
from jobs.services.doorbell import SIDE_QUEUE
from jobs.worker.bell import BellWorker

log = structlog.get_logger(__name__)


class SideWorker(BellWorker):
    """Rung for every deletion; finds in Postgres what there is to do."""

    def __init__(self) -> None:
        super().__init__(SIDE_QUEUE)

    def run(self) -> None:
        """Works until told to stop."""
        self._install_signal_handlers()
        while not self.stopping:
            self.show_in_registry()
            try:
                delete_due_files()
            except (DatabaseError, OSError) as error:
                log.warning("chores_failed", reason=str(error).strip())
                close_old_connections()
                time.sleep(1)
            if self.wait_for_bell():
                self.silence_bell()
        self.leave_registry()
