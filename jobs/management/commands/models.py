"""`manage.py models list | fetch NAME | verify NAME | remove NAME`: the weights of the models on this machine."""

import argparse
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as AnyDatabaseError
from tqdm import tqdm

from inference.errors import InferenceError, ModelNotFound
from inference.models.catalogue import MODELS, get_model
from inference.models.descriptor import ModelDescriptor
from inference.weights.fetching import format_size
from inference.weights.spec import WeightsSpec
from inference.weights.status import State, WeightsStatus
from inference.weights.store import WeightsStore
from jobs.queue.workers import workers_of_models
from jobs.worker.weights import weights_store

EXIT_FAILED, EXIT_DAMAGED, EXIT_IN_USE = 1, 3, 4
_EPILOG = """\
The weights are in MODELS_DIR. They come from the hub (HF_ENDPOINT, HF_TOKEN), or from MODELS_MIRROR.

exit codes:
  0  done
  1  failed; the message says why, such as no space or no connection. A fetch that is repeated goes on
  2  wrong arguments
  3  verify: files are missing or damaged, or nothing is installed
  4  remove: a worker or another model uses the weights
"""


class Command(BaseCommand):
    help = "Lists, fetches, verifies and removes the weights of models."

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="list|fetch|verify|remove")
        listing = actions.add_parser("list", help="show the models and what is installed of them")
        listing.add_argument("--json", action="store_true", help="print one JSON document")
        fetch = actions.add_parser("fetch", help="fetch the files that a model reads; goes on where it stopped")
        fetch.add_argument("--mirror", help="fetch from here instead of MODELS_MIRROR: a folder, s3://… or a URL")
        fetch.add_argument("--repair", action="store_true", help="compare checksums, and fetch damaged files again")
        verify = actions.add_parser("verify", help="compare all files with the checksums of the fetch")
        remove = actions.add_parser("remove", help="delete fetched weights")
        remove.add_argument("--force", action="store_true", help="even if a worker or another model uses them")
        for action in (fetch, verify, remove):
            action.add_argument("name", metavar="NAME", help="a model that `list` shows")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except InferenceError as error:
            raise CommandError(error.message, returncode=EXIT_FAILED) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Repeat the command to go on.", returncode=EXIT_FAILED) from None

    def _list(self, options: dict[str, Any]) -> None:
        store = weights_store()
        rows = [_row(model, store) for model in MODELS.values() if model.source and not model.test_only]
        if options["json"]:
            self.stdout.write(json.dumps({"folder": str(store.folder), "models": rows}, indent=1))
            return
        table = [("NAME", "WEIGHTS", "REVISION", "SIZE", "STATE")]
        table += [
            (row["name"], row["weights"], row["commit"][:12] or "-", _size(row["size_bytes"]), _state(row))
            for row in rows
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        for row in rows:
            if row["reason"]:
                self.stdout.write(f"{row['name']}: {row['reason']}")

    def _fetch(self, options: dict[str, Any]) -> None:
        store = weights_store()
        if options["mirror"]:
            store = WeightsStore(store.folder, options["mirror"])
        with _ProgressBar(options["name"], self.stderr) as progress:
            status = store.fetch(_spec(options["name"]), progress, repair=options["repair"])
        self.stdout.write(f"{options['name']}: {status.state} in {status.folder} ({format_size(status.size_bytes)})")

    def _verify(self, options: dict[str, Any]) -> None:
        try:
            damaged = weights_store().verify(_spec(options["name"]))
        except ModelNotFound as error:
            raise CommandError(error.message, returncode=EXIT_DAMAGED) from None
        if damaged:
            files = "\n".join(f"  {path}" for path in damaged)
            raise CommandError(
                f"These files are missing or damaged:\n{files}\n"
                f"Fetch them again with `manage.py models fetch --repair {options['name']}`.",
                returncode=EXIT_DAMAGED,
            )
        self.stdout.write(f"{options['name']}: all files have their checksums")

    def _remove(self, options: dict[str, Any]) -> None:
        name, store = options["name"], weights_store()
        spec = _spec(name)
        if not options["force"] and (users := _users(name, spec)):
            raise CommandError(f"The weights of {name} are in use: {users}. Stop this use, or add --force.",
                               returncode=EXIT_IN_USE)  # fmt: skip
        self.stdout.write(f"{name}: {format_size(store.remove(spec))} removed")


class _ProgressBar:
    """A bar of the bytes, only on a terminal."""

    def __init__(self, name: str, stream: Any) -> None:
        self._name, self._stream = name, stream
        self._bar: Any = None

    def __enter__(self) -> "_ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def wait(self) -> None:
        self._stream.write(f"Another process is fetching {self._name}. Waiting for it.")

    def start(self, total_bytes: int, present_bytes: int) -> None:
        self._bar = tqdm(
            desc=self._name,
            total=total_bytes,
            initial=present_bytes,
            unit="B",
            unit_scale=True,
            disable=None,  # unless it is a terminal
        )

    def advance(self, count: int) -> None:
        if self._bar is not None:
            self._bar.update(count)


def _spec(name: str) -> WeightsSpec:
    spec = WeightsSpec.of_model(get_model(name))
    if spec is None:
        raise CommandError(f"{name} has no weights.", returncode=EXIT_FAILED)
    return spec


def _row(model: ModelDescriptor, store: WeightsStore) -> dict[str, Any]:
    spec = WeightsSpec.of_model(model)
    assert spec is not None  # noqa: S101 (the caller has checked it)
    try:
        status = store.status(spec)
    except ModelNotFound as error:
        status = WeightsStatus(State.MISSING, store.folder, reason=error.message)
    manifest = status.manifest
    return {
        "name": model.name,
        "weights": model.weights,
        "revision": model.revision,
        "commit": manifest.identity if manifest else "",
        "state": status.state,
        "folder": str(status.folder),
        "size_bytes": status.size_bytes,
        "verified_at": manifest.verified_at.isoformat() if manifest and status.is_usable else None,
        "reason": status.reason,
    }


def _state(row: dict[str, Any]) -> str:
    return f"{row['state']}, verified {row['verified_at'][:10]}" if row["verified_at"] else str(row["state"])


def _size(size_bytes: int) -> str:
    return format_size(size_bytes) if size_bytes else "-"


def _users(name: str, spec: WeightsSpec) -> str:
    """Return who uses these weights: live workers, and other models of the site; "" if nobody does."""
    specs = {model.name: WeightsSpec.of_model(model) for model in MODELS.values()}
    sharing = [other for other, its in specs.items() if its is not None and its.source == spec.source]
    try:
        workers = workers_of_models(sharing)
    except AnyDatabaseError as error:
        raise CommandError(
            f"The database cannot be asked which workers use the weights: {str(error).strip()}", returncode=EXIT_FAILED
        ) from None
    others = [other for other in sharing if other != name and other in settings.MODELS_ENABLED]
    users = [f"worker {worker}" for worker in workers] + [f"model {other}" for other in others]
    return ", ".join(users)
