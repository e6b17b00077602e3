"""`manage.py maintenance_worker`: runs the maintenance tasks of some queues, or of all."""

from typing import Any

import django_rq
from django.core.management.base import BaseCommand, CommandParser

from common.tasks.queues import TASK_QUEUES
from jobs.worker.maintenance import MaintenanceWorker


class Command(BaseCommand):
    help = "Runs maintenance tasks, such as webhooks, emails, file deletions and exports. SIGTERM lets a task finish."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "queues",
            nargs="*",
            choices=[[], *TASK_QUEUES],
            metavar="queue",
            help=", ".join(TASK_QUEUES) + " (default: all)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        queues = dict.fromkeys(options["queues"] or TASK_QUEUES)
        django_rq.get_worker(*queues, worker_class=MaintenanceWorker).run()
