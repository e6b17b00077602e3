"""list, get, cancel, download."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mutoscope.cli import formatting
from mutoscope.cli.progress_display import download_progress
from mutoscope.cli.session import Json, session_of
from mutoscope.models import Video

VideoId = Annotated[str, typer.Argument(metavar="VIDEO", help="Its id, vid_…")]
_SUFFIXES = {"gif": "gif", "thumbnail": "jpg", "spritesheet": "jpg"}


def list_(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 20,
    status: Annotated[str | None, typer.Option(help="queued, in_progress, completed, failed, …")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model.")] = None,
    search: Annotated[str | None, typer.Option("--search", "-s", help="With these words in the prompt.")] = None,
    json: Json = False,
) -> None:
    """List the team's videos, newest first."""
    session = session_of(context)
    with session.client() as client:
        found = client.videos.list(status=status, model=model, q=search, limit=min(limit, 100))
        videos = list(islice(found, limit))
    if session.json:
        return session.print_json({"object": "list", "data": [video.raw for video in videos]})
    if not videos:
        return session.print_message(
            "There are no such videos." if status or model or search else "There are no videos yet."
        )
    session.print_table(
        ("video", "status", "made", "prompt"),
        ((video.id, _status_text(video), formatting.local_time(video.created_at), video.prompt) for video in videos),
    )
    return None


def _status_text(video: Video) -> str:
    return f"{video.progress} %" if video.status == "in_progress" else formatting.status_text(video.status)


def get(context: typer.Context, video: VideoId, json: Json = False) -> None:
    """Show where a video stands."""
    session = session_of(context)
    with session.client() as client:
        found = client.videos.retrieve(video)
    if session.json:
        return session.print_json(found.raw)
    frames = f"{found.raw.get('num_frames')} frames, {found.seconds} s"
    session.facts(
        [
            ("video", found.id),
            ("status", _status_text(found)),
            ("error", found.error_message),
            ("left", f"about {formatting.duration(found.eta_seconds)}" if found.eta_seconds else None),
            ("prompt", found.prompt),
            ("model", found.model),
            ("size", f"{found.size}, {frames}, {found.output_format}"),
            ("seed", found.seed),
            ("credits", found.credits_charged if found.is_finished else f"{found.credits_reserved} reserved"),
            ("asked for", formatting.local_time(found.created_at)),
            ("done", formatting.local_time(found.completed_at)),
        ]
    )
    return None


def cancel(
    context: typer.Context,
    videos: Annotated[list[str], typer.Argument(metavar="VIDEO", help="Their ids, vid_…")],
    *,
    json: Json = False,
) -> None:
    """Cancel videos that are not done. What is canceled costs nothing."""
    session = session_of(context)
    with session.client() as client:
        for video in videos:
            now = client.videos.cancel(video)
            said = "is being canceled" if not now.is_finished else f"is {formatting.status_text(now.status)}"
            session.print_result(f"{now.id} {said}.", now.raw)


def download(
    context: typer.Context,
    video: VideoId,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; by default its id.")] = None,
    variant: Annotated[str, typer.Option(help="video, gif, thumbnail or spritesheet.")] = "video",
    json: Json = False,
) -> None:
    """Download a finished video."""
    session = session_of(context)
    with session.client() as client:
        if output is None:
            suffix = _SUFFIXES.get(variant) or client.videos.retrieve(video).output_format
            output = Path(f"{video}.{suffix}" if variant in {"video", "gif"} else f"{video}-{variant}.{suffix}")
        with download_progress(session.err, output.name) as on_bytes:
            path = client.videos.download(video, output, variant=variant, on_bytes=on_bytes)
    session.print_result(f"Saved {path}.", {"id": video, "variant": variant, "file": str(path)})
