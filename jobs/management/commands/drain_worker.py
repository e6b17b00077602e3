"""`manage.py drain_worker NAME`: the worker finishes what it holds and claims nothing more."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs.models import Worker
from jobs.queue.workers import drain_worker, resume_worker


class Command(BaseCommand):
    help = "Drains a worker: it finishes what it holds, claims nothing more, and stays up with its model loaded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("worker", help="its name or its id, as the admin's page Workers shows them")
        parser.add_argument("--resume", action="store_true", help="take the drain back")

    def handle(self, *_args: Any, **options: Any) -> None:
        worker = _find(options["worker"])
        changed = (resume_worker if options["resume"] else drain_worker)(worker=worker)
        now = "claims again" if options["resume"] else "drains"
        self.stdout.write(f"{worker.name} {now}" if changed else f"{worker.name} {now} already")


def _find(text: str) -> Worker:
    workers = list(Worker.objects.filter(name=text)[:2])
    if not workers:
        try:
            workers = list(Worker.objects.filter(pk=UUID(text)))
        except ValueError:
            workers = []
    if not workers:
        known = ", ".join(Worker.objects.order_by("name").values_list("name", flat=True)[:20]) or "none"
        raise CommandError(f"There is no worker {text!r}. Registered: {known}.")
    if len(workers) > 1:
        raise CommandError(f"Several workers are called {text!r}. Name yours by its id.")
    return workers[0]
