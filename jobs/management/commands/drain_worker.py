"""`manage.py drain_worker NAME`: the worker finishes its jobs and claims no new ones."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs.models import Worker
from jobs.queue.workers import drain_worker, resume_worker


class Command(BaseCommand):
    help = "Drains a worker: it finishes its jobs, claims no new ones, and keeps running with its model loaded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "worker", help="the name or id of the worker, as shown on the page Workers of the administration"
        )
        parser.add_argument("--resume", action="store_true", help="end the drain: the worker claims jobs again")

    def handle(self, *_args: Any, **options: Any) -> None:
        worker = _find_worker(options["worker"])
        changed = (resume_worker if options["resume"] else drain_worker)(worker=worker)
        status = "claims jobs" if options["resume"] else "drains"
        self.stdout.write(f"{worker.name} now {status}." if changed else f"{worker.name} {status} already.")


def _find_worker(name_or_id: str) -> Worker:
    workers = list(Worker.objects.filter(name=name_or_id)[:2])
    if not workers:
        try:
            workers = list(Worker.objects.filter(pk=UUID(name_or_id)))
        except ValueError:
            workers = []
    if not workers:
        names = ", ".join(Worker.objects.order_by("name").values_list("name", flat=True)[:20]) or "none"
        raise CommandError(f"There is no worker {name_or_id!r}. Registered workers: {names}.")
    if len(workers) > 1:
        raise CommandError(f"Several workers have the name {name_or_id!r}. Give the id of one of them.")
    return workers[0]
