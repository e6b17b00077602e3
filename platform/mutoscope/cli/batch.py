"""batch: many videos from a file of JSON Lines, into a folder."""

from __future__ import annotations

import json as json_
import shutil
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from zipfile import BadZipFile, ZipFile

import typer

from mutoscope.batch_upload import BatchUpload, read_requests
from mutoscope.cli import exit_codes
from mutoscope.cli.progress_display import BatchDisplay, describe_counts, download_progress
from mutoscope.cli.session import Json, Session, session_of
from mutoscope.client import Mutoscope
from mutoscope.errors import BatchError, FileError, MutoscopeError
from mutoscope.models import Batch

_MAX_REQUESTS = 500
_MAX_ERRORS_SHOWN = 10


@dataclass
class ResumeFile:
    """What is kept beside the file of requests, so that the same command goes on where it stopped."""

    path: Path
    base_url: str
    digest: str
    idempotency_key: str
    batch_id: str | None = None

    @classmethod
    def load_or_create(cls, requests: Path, *, base_url: str, digest: str, new: bool) -> ResumeFile:
        """That of the same requests, or a new one. Raises FileError."""
        path = requests.with_name(f"{requests.name}.mutoscope")
        with suppress(FileNotFoundError, ValueError, TypeError):
            found = cls(path=path, **json_.loads(path.read_text("utf-8")))
            if not new and (found.base_url, found.digest) == (base_url, digest):
                return found
        made = cls(path, base_url, digest, uuid.uuid4().hex)
        made.write()
        return made

    def write(self) -> None:
        body = {name: value for name, value in asdict(self).items() if name != "path"}
        partial = self.path.with_name(f".{self.path.name}.new")
        try:
            partial.write_text(json_.dumps(body), "utf-8")
            partial.replace(self.path)
        except OSError as error:
            raise FileError(f"Cannot write {self.path}: {error.strerror}.") from error


def batch(
    context: typer.Context,
    requests: Annotated[
        Path, typer.Argument(metavar="JOBS.JSONL", exists=True, dir_okay=False, help="One request a line.")
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the videos.")] = Path("videos"),
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    all_or_nothing: Annotated[bool, typer.Option(help="Make none if one of them cannot be made.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Make them again, though they were asked for before.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait: run it again to go on.")] = False,
    json: Json = False,
) -> None:
    """Make many videos: up to 500 requests, one JSON object a line.

    {"image": "photo.jpg", "prompt": "the camera pans left", "custom_id": "left"}

    Pictures are looked for beside the file. The same command run again goes on where it stopped.
    """
    session = session_of(context)
    rows = read_requests(requests)
    if not 1 <= len(rows) <= _MAX_REQUESTS:
        raise BatchError(f"{requests} holds {len(rows)} requests; a batch takes 1 to {_MAX_REQUESTS}.")
    _make_folder(output)
    options = {"name": name, "on_error": "refuse_all" if all_or_nothing else None}
    with session.client() as client:
        found = _submit(session, client, requests, BatchUpload(rows, options), new=new)
        if not detach:
            found = _wait(session, client, found, requests, output)
            files = _download_results(session, client, found, output) if found.counts.get("completed") else []
            _print_errors(session, client, found)
            session.print_result(f"Saved {_count_text(len(files))} in {output}.", {**found.raw, "files": files})
        else:
            session.print_result(found.id, found.raw)
    if not detach and found.counts.get("completed", 0) < found.total:
        raise typer.Exit(exit_codes.FAILED)


def _count_text(count: int) -> str:
    return "1 video" if count == 1 else f"{count} videos"


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"Cannot make the folder {output}: {error.strerror}.") from error


def _submit(session: Session, client: Mutoscope, requests: Path, upload: BatchUpload, *, new: bool) -> Batch:
    with upload:
        resume_file = ResumeFile.load_or_create(requests, base_url=client.base_url, digest=upload.digest, new=new)
        if resume_file.batch_id:
            session.print_message(f"Going on with {resume_file.batch_id}. For a new one: --new", style="dim")
            return client.batches.retrieve(resume_file.batch_id)
        found = client.batches.send(upload, idempotency_key=resume_file.idempotency_key)
        resume_file.batch_id = found.id
        resume_file.write()
        return found


def _wait(session: Session, client: Mutoscope, batch: Batch, requests: Path, output: Path) -> Batch:
    try:
        with BatchDisplay(session.err, batch) as display:
            return client.batches.wait(batch, on_progress=display.show)
    except KeyboardInterrupt:
        again = f"mutoscope batch {requests} -o {output}"
        if session.is_interactive:
            with suppress(typer.Abort, KeyboardInterrupt):
                if typer.confirm("\nCancel the batch? Otherwise it goes on without you.", default=False, err=True):
                    _cancel(session, client, batch)
                    raise typer.Exit(exit_codes.INTERRUPTED) from None
        session.print_message(f"{batch.id} goes on. To come back: {again}")
        raise


def _cancel(session: Session, client: Mutoscope, batch: Batch) -> None:
    try:
        session.print_message(f"Canceled. {describe_counts(client.batches.cancel(batch))}")
    except MutoscopeError as error:
        session.print_message(f"It could not be canceled: {error}", style="red")


def _download_results(session: Session, client: Mutoscope, batch: Batch, output: Path) -> list[str]:
    """Unpacks the results; each file appears only when it is whole."""
    try:
        with TemporaryDirectory(dir=output, prefix=".mutoscope.") as folder:
            archive = Path(folder, "results.zip")
            with download_progress(session.err, "the videos") as on_bytes:
                client.batches.download_results(batch, archive, on_bytes=on_bytes)
            with ZipFile(archive) as zipped:
                # Names are taken as such: an archive shall not choose the folder.
                names = [Path(entry).name for entry in zipped.namelist()]
                for entry, name in zip(zipped.namelist(), names, strict=True):
                    part = Path(folder, name)
                    with zipped.open(entry) as source, part.open("wb") as target:
                        shutil.copyfileobj(source, target)
                    part.replace(output / name)
    except (OSError, BadZipFile) as error:
        raise FileError(f"Cannot write into {output}: {getattr(error, 'strerror', None) or error}.") from error
    return [str(output / name) for name in names if name != "manifest.jsonl"]


def _print_errors(session: Session, client: Mutoscope, batch: Batch) -> None:
    """Why there is no video of some of them."""
    wrong = [item for item in client.batches.items(batch) if item.status != "completed"]
    for item in wrong[:_MAX_ERRORS_SHOWN]:
        who = f"{item.index + 1}{f' ({item.custom_id})' if item.custom_id else ''}"
        session.print_message(f"Request {who} {item.status}. {item.error_message or ''}", style="red")
    if len(wrong) > _MAX_ERRORS_SHOWN:
        session.print_message(f"… and {len(wrong) - _MAX_ERRORS_SHOWN} more: see manifest.jsonl.", style="red")
