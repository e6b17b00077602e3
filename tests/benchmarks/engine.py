"""Compares our I2VGen-XL engine with diffusers' own pipeline: same weights, image, noise and settings.

    python tests/benchmarks/engine.py --size tiny|bench|full [--device cuda:0] [--peer published|current]

Both run as processes of their own and take turns, so that other load affects both alike; the first turn
warms up and compares the outputs. `--peer published` creates an environment with the releases that the model was last
supported on, below `--cache`; `--peer current` (the default on CUDA) uses the installed diffusers, whose pipeline
conditions on the text differently there: good for timing, not for comparing outputs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PUBLISHED = ("diffusers==0.37.1", "transformers==4.57.6")
TORCH = "2.13.0"
LATENT_TOLERANCE, FRAME_TOLERANCE = 1e-3, 2
REQUEST = {"prompt": "the cat turns its head", "guidance_scale": 9.0, "seed": 1, "fps": 8}
SETTINGS: dict[str, dict[str, int]] = {
    "tiny": {"width": 128, "height": 128, "num_frames": 8, "steps": 10},
    "bench": {"width": 256, "height": 256, "num_frames": 8, "steps": 5},
    "full": {"width": 512, "height": 512, "num_frames": 16, "steps": 5},
}
LONG_STEPS = 50


class Runner:
    """A process that responds to each JSON line with one JSON line."""

    def __init__(self, command: list[str]) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        self.info = self._read_response()

    def run(self, request: dict[str, Any], out: Path | None = None) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(request | {"out": str(out) if out else None}) + "\n")
        self.process.stdin.flush()
        return self._read_response()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def _read_response(self) -> dict[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                response: dict[str, Any] = json.loads(line)
                return response
        raise SystemExit("The process above exited without a response.")


def published_environment(cache: Path) -> str:
    """Return the Python of an environment with the published releases. It uses our torch if the version matches."""
    folder, done = cache / "peer-env", cache / "peer-env" / "ready"
    python = str(folder / "bin" / "python")
    if done.exists():
        return python
    venv.create(folder, clear=True, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PUBLISHED], check=True)
    import torch

    if torch.__version__.split("+")[0] == TORCH:
        packages = next((folder / "lib").glob("python*/site-packages"))
        # Last in the path: it adds torch and hides nothing that was installed above.
        (packages / "zz_torch.pth").write_text(f"{Path(torch.__file__).parents[1]}\n")
    else:
        subprocess.run([python, "-m", "pip", "install", "-q", f"torch=={TORCH}"], check=True)
    done.touch()
    return python


def checkpoint(size: str, python: str, cache: Path, device: str) -> Path:
    if size == "tiny":
        return ROOT / "tests" / "reference" / "i2vgen-xl-tiny"
    folder = cache / f"{size}-{device.split(':', maxsplit=1)[0]}"
    if not (folder / "model_index.json").exists():
        subprocess.run([python, str(HERE / "engine_peer.py"), "make", str(folder), size, device], check=True)
    return folder


def compare(ours: Path, theirs: Path) -> str:
    with np.load(ours) as a, np.load(theirs) as b:
        latents = float(np.abs(a["latents"] - b["latents"]).max())
        frames = int(np.abs(a["frames"].astype(int) - b["frames"]).max())
    verdict = "equal" if latents < LATENT_TOLERANCE and frames <= FRAME_TOLERANCE else "DIFFERENT"
    return f"{verdict}: latents within {latents:.1e}, frames within {frames}/255"


def report(label: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    def median(runs: list[dict[str, Any]], key: str) -> float:
        return float(statistics.median(run[key] for run in runs))

    def ratio(key: str) -> float:
        return float(statistics.median(b[key] / a[key] for a, b in zip(ours, theirs, strict=True)))

    def denoise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [run | {"denoise_seconds": run["seconds"] - run["decode_seconds"]} for run in runs]

    ours, theirs = denoise(ours), denoise(theirs)
    print(f"\n{label}: medians of {len(ours)}, and the median of the ratios of neighbouring turns")
    print("| stage | ours, s | diffusers, s | ratio |\n|---|---|---|---|")
    for stage, key in (
        ("whole video", "seconds"),
        ("encode and denoise", "denoise_seconds"),
        ("decode", "decode_seconds"),
    ):
        print(f"| {stage} | {median(ours, key):.3f} | {median(theirs, key):.3f} | {ratio(key):.2f} |")
    if ours[0]["step_seconds"]:
        print(f"one step of ours: {median(ours, 'step_seconds'):.4f} s", end="")
        print(f"; before the second: {median(ours, 'before_second_step_seconds'):.4f} s")
    if peak := median(ours, "peak_mb"):
        print(f"peak memory: ours {peak:.0f} MiB, diffusers {median(theirs, 'peak_mb'):.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SETTINGS, default="bench")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--peer", choices=("published", "current"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--cache", type=Path, default=ROOT / "var" / "bench")
    options = parser.parse_args()
    on_cuda = options.device.startswith("cuda")
    published = (options.peer or ("current" if on_cuda else "published")) == "published"
    options.cache.mkdir(parents=True, exist_ok=True)
    python = published_environment(options.cache) if published else sys.executable
    folder = checkpoint(options.size, python, options.cache, options.device)
    request = REQUEST | SETTINGS[options.size] | {"image": str(ROOT / "samples" / "cat.jpg")}
    request["steps"] = options.steps or request["steps"]

    serve = [python, str(HERE / "engine_peer.py"), "serve", str(folder), options.device]
    peer = Runner([*serve, "1" if published else "none"])
    engine = Runner([sys.executable, str(HERE / "engine_ours.py"), str(folder), options.device])
    outputs = options.cache / "ours.npz", options.cache / "theirs.npz"
    engine.run(request, outputs[0])
    peer.run(request, outputs[1])
    print(compare(*outputs) if published else "not compared: the current pipeline conditions otherwise")
    turns = [(engine.run(request), peer.run(request)) for _ in range(options.rounds)]
    size = "{width}x{height}, {num_frames} frames, {steps} steps".format(**request)
    report(f"{options.size} on {options.device}, {size}", *map(list, zip(*turns, strict=True)))
    if options.size == "full" and on_cuda:
        request["steps"] = LONG_STEPS
        report(f"{options.size}, {LONG_STEPS} steps, once", [engine.run(request)], [peer.run(request)])
    engine.close()
    peer.close()


if __name__ == "__main__":
    main()
