"""generate and watch: a video from its request to its file."""

from __future__ import annotations

import os
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mutoscope.cli import exit_codes, formatting
from mutoscope.cli.progress_display import VideoDisplay, download_progress
from mutoscope.cli.session import Json, Session, session_of
from mutoscope.client import Mutoscope
from mutoscope.errors import ConnectionFailed, FileError, MutoscopeError, ServerError, VideoFailed
from mutoscope.events import Event, PreviewEvent
from mutoscope.models import Quote, Video

Preview = Annotated[bool, typer.Option("--preview/--no-preview", help="Show the clip while it is made.")]


def generate(
    context: typer.Context,
    picture: Annotated[
        Path, typer.Argument(metavar="PICTURE", exists=True, dir_okay=False, readable=True, help="PNG, JPEG or WebP.")
    ],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What happens in the video.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; by default here, named after the picture.")
    ] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What shall not be in it.")] = None,
    model: Annotated[str | None, typer.Option(help="See mutoscope models.")] = None,
    preset: Annotated[str | None, typer.Option(help="fast, standard, high or batch.")] = None,
    resolution: Annotated[str | None, typer.Option(help="256p, 512p, 768p or 1024p.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="auto, 1:1, 16:9, 9:16, 4:3 or 3:4.")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT instead of both.")] = None,
    frames: Annotated[int | None, typer.Option(help="8 to 32.")] = None,
    fps: Annotated[int | None, typer.Option(help="4 to 24.")] = None,
    seconds: Annotated[str | None, typer.Option(help="How long it is, instead of --frames.")] = None,
    steps: Annotated[int | None, typer.Option(help="10 to 100.")] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="1 to 20.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same video.")] = None,
    output_format: Annotated[str | None, typer.Option("--format", help="mp4 or gif.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal or high.")] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Kept with it; repeatable."),
    ] = None,
    webhook_url: Annotated[str | None, typer.Option(help="An address to call when it is done.")] = None,
    cancel_after: Annotated[int | None, typer.Option(metavar="SECONDS", help="Cancel it if it waits longer.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key makes no second video.")] = None,
    quote: Annotated[bool, typer.Option("--quote", help="Show the price first, and ask.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait: print the video's id.")] = False,
    preview: Preview = True,
    json: Json = False,
) -> None:
    """Make a video from a picture and a sentence.

    With --quote and nobody to ask, the price is printed and nothing is made, unless there is --yes.
    """
    session = session_of(context)
    fields: dict[str, Any] = {
        "negative_prompt": negative_prompt,
        "model": model,
        "preset": preset,
        "resolution": resolution,
        "aspect_ratio": aspect_ratio,
        "size": size,
        "num_frames": frames,
        "fps": fps,
        "seconds": seconds,
        "steps": steps,
        "guidance_scale": guidance_scale,
        "seed": seed,
        "output_format": output_format,
        "priority": priority,
        "metadata": _parse_metadata(metadata),
        "webhook_url": webhook_url,
    }
    if output is not None and not detach:
        _check_output(output)
    with session.client() as client:
        if quote and not _confirm_price(session, client.videos.quote(picture, prompt, **fields), yes=yes):
            return
        key = idempotency_key or uuid.uuid4().hex
        video = client.videos.create(picture, prompt, idempotency_key=key, cancel_after=cancel_after, **fields)
        for warning in video.raw.get("warnings") or ():
            session.print_message(warning, style="yellow")
        if detach:
            session.print_result(video.id, video.raw)
        else:
            made = _wait_with_progress(
                session, client, video, preview=preview, resume_command=f"mutoscope watch {video.id}"
            )
            _download(session, client, made, output or _unused_path(picture, made))


def watch(
    context: typer.Context,
    video: Annotated[str | None, typer.Argument(metavar="VIDEO", help="Its id; by default the newest.")] = None,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Download it into this file, too.")] = None,
    preview: Preview = True,
    json: Json = False,
) -> None:
    """Watch a video being made. With --json: one line for each event, and the video at its end."""
    session = session_of(context)
    if output is not None:
        _check_output(output)
    with session.client() as client:
        seen = client.videos.retrieve(video) if video else next(client.videos.list(limit=1), None)
        if seen is None:
            session.print_message("There are no videos yet.")
            raise typer.Exit(exit_codes.NOT_FOUND)
        made = _wait_with_progress(
            session,
            client,
            seen,
            preview=preview,
            resume_command=f"mutoscope watch {seen.id}",
            print_events=session.json,
        )
        if output is not None:
            _download(session, client, made, output)
        else:
            session.print_result(f"{made.id} is completed. Get it: mutoscope download {made.id}", made.raw)


def _parse_metadata(metadata: list[str] | None) -> dict[str, str] | None:
    for pair in metadata or ():
        if "=" not in pair:
            raise typer.BadParameter(f"Write NAME=VALUE instead of {pair!r}.", param_hint="--metadata")
    return dict(pair.split("=", 1) for pair in metadata) if metadata else None


def _check_output(output: Path) -> None:
    """Before anything is paid for."""
    if output.is_dir() or not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        what = "It is a folder" if output.is_dir() else f"There is no folder {output.parent} to write into"
        raise typer.BadParameter(f"Cannot write {output}. {what}.", param_hint="--output")


def _confirm_price(session: Session, quote: Quote, *, yes: bool) -> bool:
    """Shows the price; whether the video shall be made."""
    waiting = f", done in about {formatting.duration(quote.eta_seconds)}" if quote.eta_seconds else ""
    said = f"{formatting.price(quote.credits)}, {quote.gpu_seconds:.1f} s of GPU{waiting}"
    if not quote.fits:
        said += ". No GPU here has the memory for it"
    if yes or session.is_interactive:
        session.print_message(said)
        return yes or typer.confirm("Make it?", default=True, err=True)
    session.print_result(said, quote.raw)
    return False


def _wait_with_progress(
    session: Session, client: Mutoscope, video: Video, *, preview: bool, resume_command: str, print_events: bool = False
) -> Video:
    """The completed video. Raises VideoNotMade. Ctrl-C leaves it going on, or cancels it if one wants that."""
    try:
        with VideoDisplay(session.err, video, preview=preview) as display:
            for event in client.videos.events(video):
                display.show(event)
                if print_events and not isinstance(event, PreviewEvent):
                    session.print_json(_event_json(event))
        seen = client.videos.retrieve(video)
    except KeyboardInterrupt:
        _handle_interrupt(session, client, video, resume_command)
        raise
    except (ConnectionFailed, ServerError):
        session.print_message(f"{video.id} may go on without us. To come back: {resume_command}", style="yellow")
        raise
    if not seen.is_completed:
        raise VideoFailed(seen)
    return seen


def _event_json(event: Event) -> dict[str, Any]:
    return {"event": type(event).__name__.removesuffix("Event").lower(), **asdict(event)}


def _handle_interrupt(session: Session, client: Mutoscope, video: Video, resume_command: str) -> None:
    if session.is_interactive:
        try:
            if typer.confirm(f"\nCancel {video.id}? Otherwise it goes on without you.", default=False, err=True):
                _cancel(session, client, video)
                return
        except (typer.Abort, KeyboardInterrupt):
            session.print_message()
    session.print_message(
        f"{video.id} goes on. To come back: {resume_command}, to stop it: mutoscope cancel {video.id}"
    )


def _cancel(session: Session, client: Mutoscope, video: Video) -> None:
    try:
        now = client.videos.cancel(video)
    except MutoscopeError as error:
        session.print_message(f"It could not be canceled: {error}", style="red")
    else:
        done = f"It was already done: mutoscope download {video.id}"
        session.print_message(done if now.is_completed else "Canceled. It costs nothing.")


def _unused_path(picture: Path, video: Video) -> Path:
    """Here, and nobody's yet."""
    names = (f"{picture.stem}{number}.{video.output_format}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    return next((Path(name) for name in names if not Path(name).exists()), Path(f"{video.id}.{video.output_format}"))


def _download(session: Session, client: Mutoscope, video: Video, output: Path) -> None:
    try:
        with download_progress(session.err, output.name) as on_bytes:
            path = client.videos.download(video, output, on_bytes=on_bytes)
    except FileError:
        session.print_message(f"The video is made and kept: mutoscope download {video.id} -o FILE", style="yellow")
        raise
    charged = f" for {formatting.price(video.credits_charged)}" if video.credits_charged is not None else ""
    details = f"{formatting.size(path.stat().st_size)}, seed {video.seed}" if path.is_file() else f"seed {video.seed}"
    session.print_result(f"Saved {path}{charged} ({details}).", {**video.raw, "file": str(path)})
