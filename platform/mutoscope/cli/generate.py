"""Commands that follow a video until it is finished: generate and watch."""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mutoscope.api_requests import VideoFrame
from mutoscope.cli import exit_codes, formatting
from mutoscope.cli.progress_display import VideoDisplay, download_progress
from mutoscope.cli.session import Json, Session, get_session
from mutoscope.client import Mutoscope
from mutoscope.errors import ConnectionFailed, FileError, MutoscopeError, ServerError, VideoFailed
from mutoscope.events import Event, PreviewEvent
from mutoscope.models import Quote, Video

Preview = Annotated[bool, typer.Option("--preview/--no-preview", help="Show previews of the unfinished video.")]


def _parse_image(text: str) -> Path | VideoFrame:
    """Returns the image file, or the frame of a video, unless there is a file of that name."""
    path = Path(text)
    if path.is_file() and os.access(path, os.R_OK):
        return path
    video_id, _, at = text.partition("@")
    if re.fullmatch("vid_[0-9a-f]{32}", video_id):
        return VideoFrame(video_id, at or "last")
    raise typer.BadParameter(f"Cannot read the file {text!r}.", param_hint="IMAGE")


def generate(
    context: typer.Context,
    image: Annotated[
        Any,
        typer.Argument(
            metavar="IMAGE",
            parser=_parse_image,
            help="PNG, JPEG, WebP, HEIC or AVIF; or a frame of a video: vid_…, which is its last, or vid_…@SECONDS.",
        ),
    ],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What happens in the video.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the video; by default named after the image, in this folder."),
    ] = None,
    last_image: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, readable=True, help="The last frame, for models that take one."),
    ] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What the video should not show.")] = None,
    model: Annotated[str | None, typer.Option(help="One of the models that `mutoscope models` lists.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="One of the model's presets, which `mutoscope models` lists.")
    ] = None,
    resolution: Annotated[str | None, typer.Option(help="One of the model's resolutions, such as 512p.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="auto, 1:1, 16:9, 9:16, 4:3 or 3:4.")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT, instead of --resolution and --aspect-ratio.")] = None,
    frames: Annotated[int | None, typer.Option(help="Number of frames.")] = None,
    fps: Annotated[int | None, typer.Option(help="Frames per second.")] = None,
    seconds: Annotated[str | None, typer.Option(help="Duration, instead of --frames.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps, for models that have them.")] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="How closely the video follows the prompt.")] = None,
    audio: Annotated[
        bool | None, typer.Option("--audio/--no-audio", help="Whether the video gets sound, for models that make it.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same seed and options give the same video.")] = None,
    output_format: Annotated[str | None, typer.Option("--format", help="mp4 or gif.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal or high.")] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Metadata to store with the video; can be repeated."),
    ] = None,
    webhook_url: Annotated[
        str | None, typer.Option(help="URL that receives a request when the video is finished.")
    ] = None,
    cancel_after: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="Cancel the video if it has not started after this time.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="A second request with the same key does not create another video.")
    ] = None,
    quote: Annotated[bool, typer.Option("--quote", help="Show the price and ask for confirmation.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the id of the video and do not wait.")] = False,
    preview: Preview = True,
    json: Json = False,
) -> None:
    """Generate a video from an image and a prompt.

    Without a terminal, --quote prints the price and does not create the video, unless --yes is given.
    """
    session = get_session(context)
    fields: dict[str, Any] = {
        "last_image": last_image,
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
        "audio": audio,
        "seed": seed,
        "output_format": output_format,
        "priority": priority,
        "metadata": _parse_metadata(metadata),
        "webhook_url": webhook_url,
    }
    if output is not None and not detach:
        _check_output(output)
    with session.client() as client:
        if quote and not _confirm_price(session, client.videos.quote(image, prompt, **fields), yes=yes):
            return
        key = idempotency_key or uuid.uuid4().hex
        video = client.videos.create(image, prompt, idempotency_key=key, cancel_after=cancel_after, **fields)
        for warning in video.raw.get("warnings") or ():
            session.print_message(warning, style="yellow")
        if detach:
            session.print_result(video.id, video.raw)
        else:
            completed = _wait_with_progress(
                session, client, video, preview=preview, resume_command=f"mutoscope watch {video.id}"
            )
            _download(session, client, completed, output or _unused_path(image, completed))


def watch(
    context: typer.Context,
    video: Annotated[
        str | None, typer.Argument(metavar="VIDEO", help="Id of the video; by default the newest.")
    ] = None,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Download the video to this file, too.")] = None,
    preview: Preview = True,
    json: Json = False,
) -> None:
    """Show the progress of a video. With --json: one line per event, and the video at the end."""
    session = get_session(context)
    if output is not None:
        _check_output(output)
    with session.client() as client:
        current = client.videos.retrieve(video) if video else next(client.videos.list(limit=1), None)
        if current is None:
            session.print_message("There are no videos yet.")
            raise typer.Exit(exit_codes.NOT_FOUND)
        completed = _wait_with_progress(
            session,
            client,
            current,
            preview=preview,
            resume_command=f"mutoscope watch {current.id}",
            print_events=session.json,
        )
        if output is not None:
            _download(session, client, completed, output)
        else:
            session.print_result(
                f"{completed.id} is completed. To download it: mutoscope download {completed.id}", completed.raw
            )


def _parse_metadata(metadata: list[str] | None) -> dict[str, str] | None:
    for pair in metadata or ():
        if "=" not in pair:
            raise typer.BadParameter(f"Use NAME=VALUE instead of {pair!r}.", param_hint="--metadata")
    return dict(pair.split("=", 1) for pair in metadata) if metadata else None


def _check_output(output: Path) -> None:
    """Raises BadParameter if the output cannot be written, before the video is created and charged."""
    if output.is_dir() or not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        reason = "It is a folder" if output.is_dir() else f"The folder {output.parent} is missing or not writable"
        raise typer.BadParameter(f"Cannot write {output}. {reason}.", param_hint="--output")


def _confirm_price(session: Session, quote: Quote, *, yes: bool) -> bool:
    """Shows the price and returns whether to create the video."""
    eta = f", finished in about {formatting.duration(quote.eta_seconds)}" if quote.eta_seconds else ""
    summary = f"{formatting.price(quote.credits)}, {quote.gpu_seconds:.1f} GPU seconds{eta}"
    if not quote.fits:
        summary += ". No GPU of the server has enough memory for this video"
    if yes or session.is_interactive:
        session.print_message(summary)
        return yes or typer.confirm("Generate the video?", default=True, err=True)
    session.print_result(summary, quote.raw)
    return False


def _wait_with_progress(
    session: Session, client: Mutoscope, video: Video, *, preview: bool, resume_command: str, print_events: bool = False
) -> Video:
    """Shows progress and returns the completed video. Raises VideoFailed. Offers to cancel the video after Ctrl-C."""
    try:
        with VideoDisplay(session.err, video, preview=preview) as display:
            for event in client.videos.events(video):
                display.show(event)
                if print_events and not isinstance(event, PreviewEvent):
                    session.print_json(_event_json(event))
        current = client.videos.retrieve(video)
    except KeyboardInterrupt:
        _handle_interrupt(session, client, video, resume_command)
        raise
    except (ConnectionFailed, ServerError):
        session.print_message(f"{video.id} may still be running. To watch it: {resume_command}", style="yellow")
        raise
    if not current.is_completed:
        raise VideoFailed(current)
    return current


def _event_json(event: Event) -> dict[str, Any]:
    return {"event": type(event).__name__.removesuffix("Event").lower(), **asdict(event)}


def _handle_interrupt(session: Session, client: Mutoscope, video: Video, resume_command: str) -> None:
    if session.is_interactive:
        try:
            if typer.confirm(f"\nCancel {video.id}? Otherwise it continues on the server.", default=False, err=True):
                _cancel(session, client, video)
                return
        except (typer.Abort, KeyboardInterrupt):
            session.print_message()
    session.print_message(
        f"{video.id} continues on the server. To watch it: {resume_command}. To cancel it: mutoscope cancel {video.id}"
    )


def _cancel(session: Session, client: Mutoscope, video: Video) -> None:
    try:
        current = client.videos.cancel(video)
    except MutoscopeError as error:
        session.print_message(f"The video could not be canceled: {error}", style="red")
    else:
        completed = f"The video is already completed. To download it: mutoscope download {video.id}"
        session.print_message(completed if current.is_completed else "Canceled. No credits are charged.")


def _unused_path(image: Path | VideoFrame, video: Video) -> Path:
    """Returns the name of a file that does not exist yet, in this folder."""
    stem = image.stem if isinstance(image, Path) else video.id
    names = (f"{stem}{number}.{video.output_format}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    return next((Path(name) for name in names if not Path(name).exists()), Path(f"{video.id}.{video.output_format}"))


def _download(session: Session, client: Mutoscope, video: Video, output: Path) -> None:
    try:
        with download_progress(session.err, output.name) as on_bytes:
            path = client.videos.download(video, output, on_bytes=on_bytes)
    except FileError:
        session.print_message(
            f"The video is completed. To download it: mutoscope download {video.id} -o FILE", style="yellow"
        )
        raise
    charged = f" for {formatting.price(video.credits_charged)}" if video.credits_charged is not None else ""
    details = f"{formatting.size(path.stat().st_size)}, seed {video.seed}" if path.is_file() else f"seed {video.seed}"
    session.print_result(f"Saved {path}{charged} ({details}).", {**video.raw, "file": str(path)})
