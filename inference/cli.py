"""`python -m inference`: generate a video or list the models, without the site."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from inference.encoding import write_gif, write_mp4
from inference.engines.base import Engine, GeneratedVideo, LatentEngine, OnStep, create_engine, find_model
from inference.errors import ImageError, InferenceError, ModelNotFound, RequestError
from inference.frames_file import FramesFile, FramesWriter
from inference.generation import GenerationInputs, GenerationRequest
from inference.image_decoding.decode import decode_image
from inference.models.catalogue import MODELS
from inference.models.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO

EXIT_USAGE, EXIT_FAILURE = 2, 1
SUFFIXES = (".mp4", ".gif")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 for success, 1 if the run failed, 2 if the arguments are wrong."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        command = _list_models if options.command == "models" else _generate
        command(options, console)
    except (RequestError, ImageError, ModelNotFound) as error:
        _print_line(console, f"error: {error.message}")
        return EXIT_USAGE
    except InferenceError as error:
        _print_line(console, f"failed: {error.message} ({error.code})")
        return EXIT_FAILURE
    except KeyboardInterrupt:
        _print_line(console, "canceled")
        return EXIT_FAILURE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m inference", description="Generate a video from an image and a prompt."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("models", help="list the models")
    generate = commands.add_parser("generate", help="generate a video")
    generate.add_argument(
        "--model", default="camera", help="a model name or a checkpoint folder (default: %(default)s)"
    )
    generate.add_argument("--image", type=Path, required=True, help="a PNG, JPEG, WebP, HEIC or AVIF file")
    generate.add_argument("--last-image", type=Path, help="the last frame, for models that take one")
    generate.add_argument("--prompt", required=True, help="what should move and how")
    generate.add_argument("--negative-prompt", default="", help="what to avoid")
    generate.add_argument("--width", type=int, help="frame width in pixels; needs --height")
    generate.add_argument("--height", type=int, help="frame height in pixels; needs --width")
    generate.add_argument("--resolution", help="one of the model's, instead of --width and --height")
    generate.add_argument("--aspect-ratio", choices=[AUTO_ASPECT_RATIO, *ASPECT_RATIOS], default=AUTO_ASPECT_RATIO)
    generate.add_argument("--frames", type=int, help="default: the model's")
    generate.add_argument("--fps", type=int, help="default: the model's")
    generate.add_argument("--steps", type=int, help="default: the model's")
    generate.add_argument("--guidance-scale", type=float, help="default: the model's")
    generate.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    generate.add_argument("--audio", action="store_true", help="make sound, if the model does")
    generate.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    generate.add_argument("--save-latents", type=Path, metavar="F.safetensors", help="also save the final latents")
    generate.add_argument("--out", type=Path, required=True, help="the file to write, ending in .mp4 or .gif")
    return parser


def _print_line(console: Console, text: str) -> None:
    """Print without markup or wrapping: paths may contain what rich takes for markup, and scripts may read lines."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _list_models(_options: argparse.Namespace, _console: Console) -> None:
    width = max(len(descriptor.name) for descriptor in MODELS.values())
    for descriptor in MODELS.values():
        note = " (tests only)" if descriptor.test_only else ""
        sys.stdout.write(f"{descriptor.name:{width}}  {descriptor.description}{note}\n")


def _generate(options: argparse.Namespace, console: Console) -> None:
    suffix = options.out.suffix.lower()
    if suffix not in SUFFIXES:
        raise RequestError("out", "The name of --out must end in %(suffixes)s.", {"suffixes": " or ".join(SUFFIXES)})
    for path in filter(None, (options.out, options.save_latents)):
        if not path.absolute().parent.is_dir():
            raise RequestError("out", "The folder %(folder)s does not exist.", {"folder": str(path.absolute().parent)})
    inputs = _inputs(options)
    request = _request(options, *inputs.required_image.size)
    engine = create_engine(options.model, device=options.device)
    if options.save_latents and not isinstance(engine, LatentEngine):
        raise RequestError("save_latents", "%(model)s has no latents to save.", {"model": options.model})
    with console.status(f"Loading {options.model} on {engine.device}"):
        engine.load()
    with tempfile.TemporaryDirectory() as folder:
        with _progress(console) as progress:
            task = progress.add_task(f"{request.width}x{request.height}, {request.num_frames} frames", total=None)
            on_step = _step_callback(progress, task)
            video = _run(engine, request, inputs, options.save_latents, on_step)
            frames = _save(video, request, Path(folder) / "frames.npy")
        if suffix == ".gif":
            write_gif(frames, request.fps, options.out)
        else:
            write_mp4(frames, request.fps, options.out, video.audio)
    _print_line(console, f"Wrote {options.out}")


def _run(
    engine: Engine, request: GenerationRequest, inputs: GenerationInputs, latents_path: Path | None, on_step: OnStep
) -> GeneratedVideo:
    if latents_path is None or not isinstance(engine, LatentEngine):
        return engine.generate(request, inputs, on_step)
    latents = engine.denoise(request, inputs, on_step)
    from safetensors.numpy import save_file  # noqa: PLC0415 - part of the gpu extra, like the engine

    save_file({"latents": np.ascontiguousarray(latents)}, latents_path)
    return GeneratedVideo(engine.decode(latents, request, on_step))


def _save(video: GeneratedVideo, request: GenerationRequest, path: Path) -> FramesFile:
    """Write the frames as they come."""
    with FramesWriter(path, num_frames=request.num_frames, height=request.height, width=request.width) as writer:
        for chunk in video.chunks:
            writer.write(chunk)
        writer.finish()
    return FramesFile(path)


def _inputs(options: argparse.Namespace) -> GenerationInputs:
    image = decode_image(_read(options.image))
    if options.last_image is None:
        return GenerationInputs(image)
    model, _ = find_model(options.model)
    if model.inputs.last_image == "none":
        raise RequestError("last_image", "%(model)s takes no last image. Remove it.", {"model": model.name})
    return GenerationInputs(image, decode_image(_read(options.last_image)))


def _request(options: argparse.Namespace, image_width: int, image_height: int) -> GenerationRequest:
    model, _ = find_model(options.model)
    if options.audio and "audio" not in model.parameters:
        raise RequestError("audio", "%(model)s makes no sound. Leave --audio out.", {"model": options.model})
    if options.audio and options.out.suffix.lower() == ".gif":
        raise RequestError("audio", "A GIF has no sound. Write an .mp4 file, or leave --audio out.")
    preset = model.default
    width, height = options.width, options.height
    if (width is None) != (height is None):
        raise RequestError("size", "Give both --width and --height, or --resolution instead.")
    if width is not None and options.resolution is not None:
        raise RequestError("size", "Give either --width and --height, or --resolution, not both.")
    if width is None:
        resolution = options.resolution or preset.resolution
        width, height = model.sizes.frame_size(resolution, options.aspect_ratio, (image_width, image_height))
    return GenerationRequest(
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        width=width,
        height=height,
        num_frames=preset.num_frames if options.frames is None else options.frames,
        fps=model.fps.default if options.fps is None else options.fps,
        steps=(preset.steps or 1) if options.steps is None else options.steps,
        guidance_scale=(preset.guidance_scale or 1.0) if options.guidance_scale is None else options.guidance_scale,
        seed=options.seed,
        audio=options.audio,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RequestError(
            "image", "%(path)s cannot be read: %(reason)s.", {"path": str(path), "reason": reason}
        ) from error


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console)


def _step_callback(progress: Progress, task: TaskID) -> OnStep:
    def on_step(step: int, total: int) -> None:
        progress.update(task, completed=step, total=total)

    return on_step
