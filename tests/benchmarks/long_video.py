"""Seconds and peak memory of each stage of a long video, from the engine to the files that a person downloads.

long_video.py [--frames 721] [--size 1280x720] [--fps 24] [--model camera]

Each stage runs in a process of its own, as in production: the engine child, the publisher of the worker's parent, and
a web process that renders a GIF or a sprite sheet on demand. Memory is the peak of the process with its libraries.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from inference.audio import Audio, load_audio, save_audio
from inference.encoding import write_gif, write_mp4, write_poster
from inference.engines.base import load_engine
from inference.frames_file import FramesFile, FramesWriter
from inference.generation import GenerationInputs, GenerationRequest
from inference.image_decoding.decode import decode_image
from inference.video_files import SpriteSheet, video_to_gif, video_to_sprite_sheet
from tests.support.memory import PeakMemory

ROOT = Path(__file__).parents[2]


def generate(folder: Path, request: GenerationRequest, model: str) -> None:
    import numpy as np

    image = decode_image((ROOT / "samples" / "cat.jpg").read_bytes())
    video = load_engine(model).generate(request, GenerationInputs(image), lambda _step, _total: None)
    shape = {"num_frames": request.num_frames, "height": request.height, "width": request.width}
    with FramesWriter(folder / "frames.npy", **shape) as writer:
        for chunk in video.chunks:
            writer.write(chunk)
        writer.finish()
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (2, round(request.duration_seconds * 48_000)))
    save_audio(Audio(noise.astype(np.float32), 48_000), folder / "audio.npz")


def publish(folder: Path, request: GenerationRequest, _model: str) -> None:
    frames = FramesFile(folder / "frames.npy")
    write_mp4(frames, request.fps, folder / "video.mp4", load_audio(folder / "audio.npz"))
    write_poster(next(iter(frames)), folder / "poster.jpg")


def publish_gif(folder: Path, request: GenerationRequest, _model: str) -> None:
    write_gif(FramesFile(folder / "frames.npy"), request.fps, folder / "video.gif")


def render_gif(folder: Path, request: GenerationRequest, _model: str) -> None:
    video_to_gif(folder / "video.mp4", request.fps, folder / "rendition.gif")


def render_sprite_sheet(folder: Path, request: GenerationRequest, _model: str) -> None:
    sheet = SpriteSheet.of(width=request.width, height=request.height, num_frames=request.num_frames)
    video_to_sprite_sheet(folder / "video.mp4", sheet, folder / "sheet.jpg")


STAGES: dict[str, Callable[[Path, GenerationRequest, str], None]] = {
    stage.__name__: stage for stage in (generate, publish, publish_gif, render_gif, render_sprite_sheet)
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=721)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=int, default=24)
    parser.add_argument("--model", default="camera")
    parser.add_argument("--stage", choices=STAGES)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.stage:
        measure(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        for stage in STAGES:
            command = [sys.executable, __file__, *sys.argv[1:], "--stage", stage, "--folder", folder]
            measured = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            print(f"{stage:20} {measured['seconds']:7.1f} s {measured['peak_mb']:7.0f} MB")
        for file in sorted(Path(folder).iterdir()):
            print(f"{file.name:20} {file.stat().st_size / 1e6:7.1f} MB")


def measure(options: argparse.Namespace) -> None:
    width, height = map(int, options.size.split("x"))
    request = GenerationRequest(
        prompt="slowly zooms in",
        width=width,
        height=height,
        num_frames=options.frames,
        fps=options.fps,
        steps=1,
        guidance_scale=1.0,
        seed=1,
    )
    peak, started = PeakMemory(), time.monotonic()
    STAGES[options.stage](options.folder, request, options.model)
    print(json.dumps({"seconds": time.monotonic() - started, "peak_mb": peak.peak_mb()}))


if __name__ == "__main__":
    main()
