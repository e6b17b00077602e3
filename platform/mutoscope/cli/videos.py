"""Commands for existing videos: list, get, cancel, download."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mutoscope.cli import formatting
from mutoscope.cli.progress_display import download_progress
from mutoscope.cli.session import Json, get_session
from mutoscope.models import Video

VideoId = Annotated[str, typer.Argument(metavar="VIDEO", help="Id of the video, vid_…")]
_SUFFIXES = {"gif": "gif", "thumbnail": "jpg", "spritesheet": "jpg", "frame": "png"}


def list_(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Maximum number of videos.")] = 20,
    status: Annotated[
        str | None,
        typer.Option(help="Only with this status: queued, in_progress, completed, failed, canceled, expired."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    search: Annotated[
        str | None, typer.Option("--search", "-s", help="Only with these words in the prompt, or with this id.")
    ] = None,
    json: Json = False,
) -> None:
    """List the team's videos, newest first."""
    session = get_session(context)
    with session.client() as client:
        rows = client.videos.list(status=status, model=model, q=search, limit=min(limit, 100))
        videos = list(islice(rows, limit))
    if session.json:
        return session.print_json({"object": "list", "data": [video.raw for video in videos]})
    if not videos:
        return session.print_message("No videos match." if status or model or search else "There are no videos yet.")
    session.print_table(
        ("video", "status", "created", "prompt"),
        ((video.id, _status_text(video), formatting.local_time(video.created_at), video.prompt) for video in videos),
    )
    return None


def _status_text(video: Video) -> str:
    return f"{video.progress} %" if video.status == "in_progress" else formatting.status_text(video.status)


def get(context: typer.Context, video: VideoId, json: Json = False) -> None:
    """Show the status and the settings of a video."""
    session = get_session(context)
    with session.client() as client:
        current = client.videos.retrieve(video)
    if session.json:
        return session.print_json(current.raw)
    frames = f"{current.raw.get('num_frames')} frames, {current.seconds} s"
    session.print_fields(
        [
            ("video", current.id),
            ("status", _status_text(current)),
            ("error", current.error_message),
            ("time left", f"about {formatting.duration(current.eta_seconds)}" if current.eta_seconds else None),
            ("prompt", current.prompt),
            ("model", current.model),
            ("size", f"{current.size}, {frames}, {current.output_format}"),
            ("seed", current.seed),
            ("credits", current.credits_charged if current.is_finished else f"{current.credits_reserved} reserved"),
            ("created", formatting.local_time(current.created_at)),
            ("completed", formatting.local_time(current.completed_at)),
        ]
    )
    return None


def cancel(
    context: typer.Context,
    videos: Annotated[list[str], typer.Argument(metavar="VIDEO", help="Ids of the videos, vid_…")],
    *,
    json: Json = False,
) -> None:
    """Cancel videos that are not finished. Canceled videos are not charged."""
    session = get_session(context)
    with session.client() as client:
        for video in videos:
            current = client.videos.cancel(video)
            status = formatting.status_text(current.status) if current.is_finished else "being canceled"
            session.print_result(f"{current.id} is {status}.", current.raw)


def download(
    context: typer.Context,
    video: VideoId,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the video; by default named after its id.")
    ] = None,
    variant: Annotated[str, typer.Option(help="video, gif, thumbnail, spritesheet or frame.")] = "video",
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --variant frame: first, last or seconds.")
    ] = None,
    json: Json = False,
) -> None:
    """Download a completed video, or another file of it."""
    session = get_session(context)
    with session.client() as client:
        if output is None:
            suffix = _SUFFIXES.get(variant) or client.videos.retrieve(video).output_format
            output = Path(f"{video}.{suffix}" if variant in {"video", "gif"} else f"{video}-{variant}.{suffix}")
        with download_progress(session.err, output.name) as on_bytes:
            path = client.videos.download(video, output, variant=variant, at=at, on_bytes=on_bytes)
    session.print_result(f"Saved {path}.", {"id": video, "variant": variant, "file": str(path)})
