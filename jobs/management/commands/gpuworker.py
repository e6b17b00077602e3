"""`manage.py gpuworker`: one worker on one device with one or several models."""

from typing import Any

import django_rq
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.tasks.queues import pool_queue
from inference.devices import choose_device
from inference.errors import InferenceError
from inference.models.catalogue import get_model
from jobs.worker.gpu import GpuWorker
from jobs.worker.remote import RemoteWorker


class Command(BaseCommand):
    help = (
        "Runs a worker that generates videos. It claims jobs of its models and keeps one model loaded, which it swaps "
        "when a job of another one is due. SIGTERM drains it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--models",
            "--model",
            default=settings.DEFAULT_MODEL,
            help="names of models in the catalogue, separated by commas; the first one is loaded at the start",
        )
        parser.add_argument(
            "--idle-unload",
            type=float,
            default=0,
            metavar="SECONDS",
            help="unload the model when it has had no job for this long, and load it again on demand (default: never)",
        )
        parser.add_argument("--source", default=None, help="checkpoint folder or hub id (default: the model's own)")
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
        parser.add_argument("--pool", default=None, help="the queue to serve (default: that of the models)")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            models = [get_model(name) for name in dict.fromkeys(options["models"].split(","))]
            device = "cpu" if models[0].pool == "cpu" else str(choose_device(options["device"]))
        except InferenceError as error:
            raise CommandError(error.message) from None
        pools = {model.name: model.pool for model in models}
        if len({*pools.values()}) > 1:
            listed = ", ".join(f"{name} in {pool}" for name, pool in pools.items())
            raise CommandError(f"The models of a worker need to be in the same pool: {listed}.")
        if options["source"] and len(models) > 1:
            raise CommandError("--source is the checkpoint of one model. Set `weights` of each model in MODELS_FILE.")
        is_remote = any(model.engine == "upstream" for model in models)
        if is_remote and len(models) > 1:
            raise CommandError("The model of an upstream server needs a worker of its own.")
        pool = options["pool"] or models[0].pool
        if pool not in settings.WORKER_POOLS:
            raise CommandError(f"Unknown pool {pool!r}. WORKER_POOLS has: {', '.join(settings.WORKER_POOLS)}.")
        arguments = {"models": models, "pool": pool, "device": device, "source": options["source"]}
        arguments["idle_unload_seconds"] = options["idle_unload"] or None
        worker_class = RemoteWorker if is_remote else GpuWorker
        django_rq.get_worker(pool_queue(pool), worker_class=worker_class, **arguments).run()
