"""`manage.py sideworker`: chores that wait for nobody, such as deleting files."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.quota.warnings import send_due_warnings
from jobs.batches.services import end_due_batches
from jobs.dialects.uploads import SWEEP_SECONDS, sweep_uploads
from jobs.exports.services import delete_old_exports, make_due_exports
from jobs.services.cleanup import delete_due_files
from jobs.services.orphans import sweep_orphans
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.outbox import announce_events
from jobs.webhooks.purge import purge_logs
from jobs.worker.side import Chore, Seldom, SideWorker

_PURGE_SECONDS = 60


class Command(BaseCommand):
    help = "Runs the worker for side jobs: webhooks, files that are not wanted any more, people's data."

    def handle(self, *_args: Any, **_options: Any) -> None:
        chores: list[Chore] = [
            announce_events,
            end_due_batches,
            Deliverer(),
            send_due_warnings,
            delete_due_files,
            Seldom(settings.ORPHAN_SECONDS, sweep_old_orphans),
            Seldom(SWEEP_SECONDS, sweep_uploads),
            Seldom(_PURGE_SECONDS, purge_logs),
            delete_old_exports,
            make_due_exports,
        ]
        SideWorker(chores=chores).run()


def sweep_old_orphans() -> None:
    """Deletes objects that no job refers to and that are too old to be an upload."""
    sweep_orphans(older_than=timedelta(seconds=settings.ORPHAN_SECONDS))
