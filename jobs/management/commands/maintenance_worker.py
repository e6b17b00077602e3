"""`manage.py maintenance_worker`: background tasks such as webhook deliveries and file deletions."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.quota.emails import send_due_warnings
from jobs.batches.services import finish_due_batches
from jobs.compat.uploads import SWEEP_INTERVAL_SECONDS, sweep_uploads
from jobs.exports.services import build_pending_exports, delete_expired_exports
from jobs.videos.cleanup import delete_due_files
from jobs.videos.orphans import sweep_orphans
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.outbox import dispatch_outbox
from jobs.webhooks.purge import purge_logs
from jobs.worker.maintenance import Every, MaintenanceWorker, Task

_PURGE_INTERVAL_SECONDS = 60


class Command(BaseCommand):
    help = "Runs the maintenance worker: webhooks, batches, emails, file deletions and exports."

    def handle(self, *_args: Any, **_options: Any) -> None:
        tasks: list[Task] = [
            dispatch_outbox,
            finish_due_batches,
            Deliverer(),
            send_due_warnings,
            delete_due_files,
            Every(settings.ORPHAN_SWEEP_INTERVAL_SECONDS, sweep_old_orphans),
            Every(SWEEP_INTERVAL_SECONDS, sweep_uploads),
            Every(_PURGE_INTERVAL_SECONDS, purge_logs),
            delete_expired_exports,
            build_pending_exports,
        ]
        MaintenanceWorker(tasks=tasks).run()


def sweep_old_orphans() -> None:
    """Delete objects that no job refers to and that are too old to belong to an upload in progress."""
    sweep_orphans(older_than=timedelta(seconds=settings.ORPHAN_MIN_AGE_SECONDS))
