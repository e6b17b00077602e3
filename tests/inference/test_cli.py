"""`python -m inference` as a subprocess."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from safetensors.numpy import load_file

from inference.cli import main
from inference.encoding import probe
from inference.models.catalogue import MODELS

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
CAT = str(ROOT / "samples" / "cat.jpg")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inference", *arguments]
    # One thread: torch's threads spin while they wait for each other, which takes very long on a machine that is busy.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False, timeout=600)


def generate(out: Path, **options: str) -> subprocess.CompletedProcess[str]:
    defaults = {"image": CAT, "prompt": "the cat turns its head", "width": "64", "height": "48", "frames": "4"}
    arguments = {f"--{name.replace('_', '-')}": value for name, value in (defaults | options).items() if value}
    flags = [part for argument in arguments.items() for part in argument]
    return run("generate", *flags, "--out", str(out))


def test_models_are_listed() -> None:
    result = run("models")
    assert result.returncode == 0
    assert {line.split()[0] for line in result.stdout.splitlines()} == set(MODELS)


def test_camera_end_to_end(tmp_path: Path) -> None:
    result = generate(tmp_path / "video.mp4", fps="5", width="", height="", resolution="256p")
    assert result.returncode == 0, result.stderr
    assert "4/4" in result.stderr
    info = probe(tmp_path / "video.mp4")
    assert (info.width, info.height, info.num_frames, info.fps) == (288, 216, 4, Fraction(5))


def test_sound_is_written_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--image", CAT, "--prompt", "x", "--width", "64", "--height", "48", "--frames", "8", "--audio"]
    video = str(tmp_path / "video.mp4")
    assert main(["generate", *options, "--model", "scripted", "--out", video]) == 0
    with av.open(video) as container:
        assert len(container.streams.audio) == 1
    assert main(["generate", *options, "--model", "camera", "--out", video]) == 2
    assert main(["generate", *options, "--model", "scripted", "--out", str(tmp_path / "video.gif")]) == 2
    errors = capsys.readouterr().err
    assert "camera makes no sound" in errors
    assert "A GIF has no sound" in errors


def test_checkpoint_folder_end_to_end(tmp_path: Path, checkpoint: Path, reference: Path) -> None:
    result = generate(
        tmp_path / "video.gif",
        model=str(checkpoint),
        save_latents=str(tmp_path / "latents.safetensors"),
        prompt="steam rises from the cup",
        image=str(ROOT / "samples" / "coffee.jpg"),
        width="128",
        height="128",
        frames="8",
        steps="4",
        guidance_scale="1",
        seed="3",
        device="cpu",
    )
    assert result.returncode == 0, result.stderr
    latents = load_file(tmp_path / "latents.safetensors")["latents"]
    golden = load_file(reference / "no_guidance.safetensors")["latents"]
    assert (latents.shape, latents.dtype) == (golden.shape, golden.dtype)
    assert abs(latents - golden).max() < 1e-3
    assert probe(tmp_path / "video.gif").num_frames == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "sora"}, "neither a model"),
        ({"last_image": CAT}, "camera takes no last image"),
        ({"image": str(ROOT / "pyproject.toml")}, "not a PNG, JPEG, WebP, HEIC or AVIF"),
        ({"image": "/no/such/cat.jpg"}, "cannot be read"),
        ({"prompt": " "}, "what should move"),
        ({"frames": "0"}, "num_frames"),
        ({"width": "65"}, "multiple of 8"),
        ({"height": ""}, "both --width and --height"),
        ({"resolution": "512p"}, "not both"),
        ({"fps": "quick"}, "invalid int value"),
        ({"save_latents": "latents.safetensors"}, "no latents"),
        ({"guidance_scale": "nan"}, "guidance_scale"),
    ],
)
def test_invalid_arguments_are_explained_without_a_traceback(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    result = generate(tmp_path / "video.mp4", **options)
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "video.mp4").exists()


def test_unknown_suffixes_and_folders(tmp_path: Path) -> None:
    result = generate(tmp_path / "video.avi")
    assert (result.returncode, ".mp4 or .gif" in result.stderr) == (2, True)
    result = generate(tmp_path / "nowhere" / "video.mp4")
    assert (result.returncode, "does not exist" in result.stderr) == (2, True)


def test_a_missing_device_is_a_failure(tmp_path: Path) -> None:
    result = generate(tmp_path / "video.mp4", model="i2vgen-xl", device="cuda:99")
    assert result.returncode == 1
    assert "device_not_found" in result.stderr
    assert "Traceback" not in result.stderr
