"""`manage.py sideworker`: chores that wait for nobody, such as deleting files."""

from typing import Any

from django.core.management.base import BaseCommand

from jobs.worker.side import SideWorker


class Command(BaseCommand):
    help = "Runs the worker for side jobs: deletes the files of deleted and outlived videos."

    def handle(self, *_args: Any, **_options: Any) -> None:
        SideWorker().run()
