"""`manage.py gpuworker`: one worker on one device with one loaded model."""

from typing import Any

import django_rq
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.tasks.queues import pool_queue
from inference.devices import choose_device
from inference.errors import InferenceError
from inference.models.catalogue import get_model
from jobs.worker.gpu import GpuWorker


class Command(BaseCommand):
    help = "Runs a worker that generates videos: it claims jobs and keeps its model loaded. SIGTERM drains it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", default=settings.DEFAULT_MODEL, help="the name of a model in the catalogue")
        parser.add_argument("--source", default=None, help="checkpoint folder or hub id (default: the model's own)")
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
        parser.add_argument("--pool", default=None, help="the queue to serve (default: the model's own)")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            descriptor = get_model(options["model"])
            device = "cpu" if descriptor.pool == "cpu" else str(choose_device(options["device"]))
        except InferenceError as error:
            raise CommandError(error.message) from None
        pool = options["pool"] or descriptor.pool
        if pool not in settings.WORKER_POOLS:
            raise CommandError(f"Unknown pool {pool!r}. WORKER_POOLS has: {', '.join(settings.WORKER_POOLS)}.")
        arguments = {"descriptor": descriptor, "pool": pool, "device": device, "source": options["source"]}
        django_rq.get_worker(pool_queue(pool), worker_class=GpuWorker, **arguments).run()
