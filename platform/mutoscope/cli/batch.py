"""The command batch: many videos from a JSON Lines file, saved in a folder."""

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
from mutoscope.cli.session import Json, Session, get_session
from mutoscope.client import Mutoscope
from mutoscope.errors import BatchError, FileError, MutoscopeError
from mutoscope.models import Batch

_MAX_REQUESTS = 500
_MAX_ERRORS_SHOWN = 10


@dataclass
class ResumeFile:
    """A file beside the requests, with which the same command resumes an interrupted batch."""

    path: Path
    base_url: str
    digest: str
    idempotency_key: str
    batch_id: str | None = None

    @classmethod
    def load_or_create(cls, requests: Path, *, base_url: str, digest: str, new: bool) -> ResumeFile:
        """Loads the file if it belongs to the same requests, else creates a new one. Raises FileError."""
        path = requests.with_name(f"{requests.name}.mutoscope")
        with suppress(FileNotFoundError, ValueError, TypeError):
            stored = cls(path=path, **json_.loads(path.read_text("utf-8")))
            if not new and (stored.base_url, stored.digest) == (base_url, digest):
                return stored
        created = cls(path, base_url, digest, uuid.uuid4().hex)
        created.write()
        return created

    def write(self) -> None:
        body = {name: value for name, value in asdict(self).items() if name != "path"}
        temporary = self.path.with_name(f".{self.path.name}.new")
        try:
            temporary.write_text(json_.dumps(body), "utf-8")
            temporary.replace(self.path)
        except OSError as error:
            raise FileError(f"Cannot write {self.path}: {error.strerror}.") from error


def batch(
    context: typer.Context,
    requests: Annotated[
        Path, typer.Argument(metavar="JOBS.JSONL", exists=True, dir_okay=False, help="One request per line.")
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the videos.")] = Path("videos"),
    name: Annotated[str | None, typer.Option(help="Name of the batch.")] = None,
    all_or_nothing: Annotated[bool, typer.Option(help="Create no video if one of the requests is refused.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Create a new batch even if there is one for this file.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Do not wait. Run the command again to continue.")
    ] = False,
    json: Json = False,
) -> None:
    """Generate many videos from a JSON Lines file.

    The file has up to 500 requests, one JSON object per line:

    {"image": "photo.jpg", "prompt": "the camera pans left", "custom_id": "left"}

    The paths of images are relative to the file. Run the same command again to resume an interrupted batch.
    """
    session = get_session(context)
    rows = read_requests(requests)
    if not 1 <= len(rows) <= _MAX_REQUESTS:
        raise BatchError(f"{requests} has {len(rows)} requests. A batch has 1 to {_MAX_REQUESTS}.")
    _make_folder(output)
    options = {"name": name, "on_error": "fail_fast" if all_or_nothing else None}
    with session.client() as client:
        result = _submit(session, client, requests, BatchUpload(rows, options), new=new)
        if not detach:
            result = _wait(session, client, result, requests, output)
            files = _download_results(session, client, result, output) if result.counts.get("completed") else []
            _print_errors(session, client, result)
            session.print_result(f"Saved {_count_text(len(files))} in {output}.", {**result.raw, "files": files})
        else:
            session.print_result(result.id, result.raw)
    if not detach and result.counts.get("completed", 0) < result.total:
        raise typer.Exit(exit_codes.FAILED)


def _count_text(count: int) -> str:
    return "1 video" if count == 1 else f"{count} videos"


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"Cannot create the folder {output}: {error.strerror}.") from error


def _submit(session: Session, client: Mutoscope, requests: Path, upload: BatchUpload, *, new: bool) -> Batch:
    with upload:
        resume_file = ResumeFile.load_or_create(requests, base_url=client.base_url, digest=upload.digest, new=new)
        if resume_file.batch_id:
            session.print_message(f"Resuming {resume_file.batch_id}. To create a new batch, use --new.", style="dim")
            return client.batches.retrieve(resume_file.batch_id)
        created = client.batches.send(upload, idempotency_key=resume_file.idempotency_key)
        resume_file.batch_id = created.id
        resume_file.write()
        return created


def _wait(session: Session, client: Mutoscope, batch: Batch, requests: Path, output: Path) -> Batch:
    try:
        with BatchDisplay(session.err, batch) as display:
            return client.batches.wait(batch, on_progress=display.show)
    except KeyboardInterrupt:
        resume_command = f"mutoscope batch {requests} -o {output}"
        if session.is_interactive:
            with suppress(typer.Abort, KeyboardInterrupt):
                if typer.confirm("\nCancel the batch? Otherwise it continues on the server.", default=False, err=True):
                    _cancel(session, client, batch)
                    raise typer.Exit(exit_codes.INTERRUPTED) from None
        session.print_message(f"{batch.id} continues on the server. To resume: {resume_command}")
        raise


def _cancel(session: Session, client: Mutoscope, batch: Batch) -> None:
    try:
        session.print_message(f"Canceled. {describe_counts(client.batches.cancel(batch))}")
    except MutoscopeError as error:
        session.print_message(f"The batch could not be canceled: {error}", style="red")


def _download_results(session: Session, client: Mutoscope, batch: Batch, output: Path) -> list[str]:
    """Downloads and unpacks the results. Each file is written atomically."""
    try:
        with TemporaryDirectory(dir=output, prefix=".mutoscope.") as folder:
            archive = Path(folder, "results.zip")
            with download_progress(session.err, "the videos") as on_bytes:
                client.batches.download_results(batch, archive, on_bytes=on_bytes)
            with ZipFile(archive) as zipped:
                # Only the file name is used, so that an archive cannot write outside the folder.
                names = [Path(entry).name for entry in zipped.namelist()]
                for entry, name in zip(zipped.namelist(), names, strict=True):
                    temporary = Path(folder, name)
                    with zipped.open(entry) as source, temporary.open("wb") as target:
                        shutil.copyfileobj(source, target)
                    temporary.replace(output / name)
    except (OSError, BadZipFile) as error:
        raise FileError(f"Cannot write to {output}: {getattr(error, 'strerror', None) or error}.") from error
    return [str(output / name) for name in names if name != "manifest.jsonl"]


def _print_errors(session: Session, client: Mutoscope, batch: Batch) -> None:
    """Prints the errors of the requests without a video."""
    unsuccessful = [item for item in client.batches.items(batch) if item.status != "completed"]
    for item in unsuccessful[:_MAX_ERRORS_SHOWN]:
        label = f"{item.index + 1}{f' ({item.custom_id})' if item.custom_id else ''}"
        session.print_message(f"Request {label} {item.status}. {item.error_message or ''}", style="red")
    if len(unsuccessful) > _MAX_ERRORS_SHOWN:
        session.print_message(f"… and {len(unsuccessful) - _MAX_ERRORS_SHOWN} more. See manifest.jsonl.", style="red")
