"""Measures models on a GPU, with random weights of their published size: seconds, memory, cancellation.

    python tests/benchmarks/gpu.py --models wan-ti2v-5b,wan-i2v-a14b --out gpu.json
    python tests/benchmarks/gpu.py --rehearse --out rehearsal.json      # every section with tiny models on a CPU

It imports `inference` only and needs no network. The result is one JSON file, which is written after each section, so
that a run that is killed leaves what it has measured. No section starts after the time budget; one that exceeds it is
stopped at its next step. Frames of random weights are noise, but their arithmetic is that of the real ones.
"""

import argparse
import gc
import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from threading import Timer
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402 (after the path)
from PIL import Image  # noqa: E402

from inference.engines.base import Engine, OnStep, create_engine  # noqa: E402
from inference.errors import Canceled  # noqa: E402
from inference.generation import GenerationInputs, GenerationRequest  # noqa: E402
from inference.models.catalogue import MODELS  # noqa: E402
from inference.models.descriptor import ModelDescriptor  # noqa: E402
from tests.benchmarks.gpu_checkpoints import Builder  # noqa: E402

MODEL_NAMES = ("wan-ti2v-5b", "wan-i2v-a14b", "i2vgen-xl")
PROMPT = "the cat turns its head"
PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors")
# Steps of a run that measures a preset: the first one also warms up, and is left out of the median.
_MEASURED_STEPS = 4
_REHEARSAL = {"width": 64, "height": 64, "num_frames": 5, "steps": 3}


class OverBudget(Exception):
    """The time budget is used up."""


class Benchmark:
    """One run over models. `result` becomes the JSON."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.deadline = time.monotonic() + options.budget_seconds
        self.device = "cpu" if options.rehearse else options.device
        if options.rehearse:
            torch.set_num_threads(1)
        self.result: dict[str, Any] = {
            "rehearsal": options.rehearse,
            "weights": "random; tiny networks" if options.rehearse else "random, of the published size",
            "text_encoder": self._text_encoder(),
            "machine": self._machine(),
            "budget_seconds": options.budget_seconds,
            "models": {},
        }

    def run(self) -> int:
        """Measure all models, and return the exit code: 1 if a section failed."""
        for name in self.options.models.split(","):
            found: dict[str, Any] = {}
            self.result["models"][name] = found
            with tempfile.TemporaryDirectory(dir=self.options.scratch) as folder:
                try:
                    ModelBenchmark(self, MODELS[name], Path(folder) / "checkpoint", found).run()
                except Exception:
                    found["error"] = traceback.format_exc()
            self.save()
            gc.collect()  # the memory of this model is needed for the next one
            if self.device != "cpu":
                torch.cuda.empty_cache()
        return 1 if any("error" in found for found in self.result["models"].values()) else 0

    def section(self, found: dict[str, Any], name: str, measure: Callable[[], Any]) -> bool:
        """Run a section unless the budget is used up, and write what it returns. Return whether it is complete."""
        if time.monotonic() > self.deadline:
            found[name] = {"skipped": "the time budget is used up"}
            return False
        started = time.monotonic()
        try:
            found[name] = measure()
        except OverBudget:
            found[name] = {"stopped": f"the time budget is used up after {time.monotonic() - started:.1f} s"}
        self.save()
        return "stopped" not in found[name]

    def save(self) -> None:
        """Write the result so that the file is always complete."""
        out = Path(self.options.out)
        self.result["elapsed_seconds"] = self.options.budget_seconds - (self.deadline - time.monotonic())
        temporary = out.with_suffix(".new")
        temporary.write_text(json.dumps(self.result, indent=1) + "\n")
        temporary.replace(out)

    def _text_encoder(self) -> str:
        if self.options.rehearse:
            return "tiny"
        return "one layer of the published width" if self.options.small_text_encoder else "of the published size"

    def _machine(self) -> dict[str, Any]:
        packages: dict[str, str | None] = {}
        for package in PACKAGES:
            try:
                packages[package] = version(package)
            except PackageNotFoundError:
                packages[package] = None
        on_cuda = self.device.startswith("cuda")
        return {
            "device": torch.cuda.get_device_name(self.device) if on_cuda else "cpu",
            "vram_mb": torch.cuda.get_device_properties(self.device).total_memory >> 20 if on_cuda else 0,
            "cuda": torch.version.cuda,
            "python": platform.python_version(),
            "packages": packages,
        }


class ModelBenchmark:
    """The sections of one model."""

    def __init__(self, benchmark: Benchmark, model: ModelDescriptor, folder: Path, found: dict[str, Any]) -> None:
        self.benchmark, self.model, self.folder, self.found = benchmark, model, folder, found
        self.device = benchmark.device
        self.on_cuda = self.device.startswith("cuda")
        self.engine: Engine

    def run(self) -> None:
        section = self.benchmark.section
        if not section(self.found, "build", self.build) or not section(self.found, "load", self.load):
            return
        presets = self.found["presets"] = {}
        shapes = self.shapes()
        for name, shape in shapes.items():
            section(presets, name, partial(self.measure_preset, shape))
        smallest = next(iter(shapes.values()))
        section(self.found, "cancel", lambda: self.measure_cancel(smallest))
        section(self.found, "complete", lambda: self.measure_complete(shapes))

    def build(self) -> dict[str, Any]:
        """Save the checkpoint."""
        options = self.benchmark.options
        self.folder.mkdir()
        started = time.monotonic()
        builder = Builder(self.device, is_tiny=options.rehearse, small_text_encoder=options.small_text_encoder)
        builder.build(self.model.name, self.folder)
        if self.on_cuda:
            torch.cuda.empty_cache()
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        free = shutil.disk_usage(self.folder).free
        return {"seconds": time.monotonic() - started, "checkpoint_bytes": size, "disk_free_bytes": free}

    def load(self) -> dict[str, Any]:
        """Load the engine with the options of the descriptor, as a worker does."""
        self._reset_peak()
        started = time.monotonic()
        self.engine = create_engine(self.model, device=self.device, source=str(self.folder))
        self.engine.load()
        return {
            "seconds": time.monotonic() - started,
            "engine_options": self.model.engine_options,
            **self._memory(),
        }

    def shapes(self) -> dict[str, dict[str, Any]]:
        """Return the arguments of each preset by its name, from cheap to expensive; those of equal work once."""
        if self.benchmark.options.rehearse:
            return {"rehearsal": {**_REHEARSAL, "fps": self.model.fps.default, "guidance_scale": 3.0}}
        shapes: dict[str, dict[str, Any]] = {}
        for name, preset in self.model.presets.items():
            width, height = self.model.sizes.frame_size(preset.resolution, "16:9", (1280, 720))
            shape = {
                "width": width,
                "height": height,
                "num_frames": preset.num_frames,
                "fps": preset.fps or self.model.fps.default,
                "steps": preset.steps or 1,
                "guidance_scale": preset.guidance_scale or 1.0,
            }
            if not preset.loras and shape not in shapes.values():
                shapes[name] = shape
        return dict(sorted(shapes.items(), key=lambda item: self._quote_seconds(item[1])))

    def measure_preset(self, shape: dict[str, Any]) -> dict[str, Any]:
        """Run a few steps of a preset, and compare with what the descriptor predicts."""
        steps = min(shape["steps"], _MEASURED_STEPS)
        self._reset_peak()
        run = self._generate(shape | {"steps": steps})
        memory = self._memory()
        step_seconds = run["step_seconds"]
        predicted = run["before_second_step_seconds"] + (shape["steps"] - 1) * step_seconds + run["decode_seconds"]
        quoted = self._quote_seconds(shape)
        peak_mb = self._predicted_peak_mb(shape)
        return {
            "shape": shape,
            "steps_run": steps,
            **run,
            "total_seconds_extrapolated": predicted,
            "total_seconds_of_descriptor": quoted,
            "measured_by_descriptor": predicted / quoted if quoted else None,
            **memory,
            "peak_mb_of_descriptor": peak_mb,
            "peak_measured_by_descriptor": memory["reserved_mb"] / peak_mb if peak_mb and self.on_cuda else None,
        }

    def measure_cancel(self, shape: dict[str, Any]) -> dict[str, Any]:
        """Request a cancellation in the middle of a step, several times; the engine works afterwards."""
        middle = 0.3 if self.on_cuda else 0.05
        latencies: list[float] = []
        for number in range(3):
            requested: list[float] = []
            timer = Timer(middle * (number + 1), lambda requested=requested: requested.append(time.monotonic()))

            def on_step(_step: int, _total: int, requested: list[float] = requested) -> None:
                if requested:
                    raise Canceled

            timer.start()
            try:
                self._run(shape | {"steps": 50}, on_step)
            except Canceled:
                latencies.append(time.monotonic() - requested[0])
            finally:
                timer.cancel()
        again = self._generate(shape | {"steps": 2})
        return {
            "latency_seconds": latencies,
            "max_seconds": max(latencies, default=None),
            "then_seconds": again["seconds"],
        }

    def measure_complete(self, shapes: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Run the most expensive preset that fits into the rest of the budget, with all its steps."""
        left = self.benchmark.deadline - time.monotonic()
        measured = self.found["presets"]
        fitting = [
            name for name in shapes if measured[name].get("total_seconds_extrapolated", float("inf")) < 0.8 * left
        ]
        if not fitting:
            return {"skipped": "no preset fits into the rest of the time budget"}
        name = fitting[-1]
        self._reset_peak()
        return {"preset": name, "shape": shapes[name], **self._generate(shapes[name]), **self._memory()}

    def _generate(self, shape: dict[str, Any]) -> dict[str, Any]:
        """Run a video, and return its seconds in total, per step, before the second step and for decoding."""
        ends: dict[int, float] = {}

        def on_step(step: int, _total: int) -> None:
            ends.setdefault(step, time.perf_counter())
            if time.monotonic() > self.benchmark.deadline:
                raise OverBudget

        started = time.perf_counter()
        num_frames = self._run(shape, on_step)
        end = time.perf_counter()
        steps = shape["steps"]
        assert num_frames == shape["num_frames"]
        denoised = [ends[step] for step in range(1, steps + 1)]
        return {
            "seconds": end - started,
            "step_seconds": statistics.median(b - a for a, b in pairwise(denoised)) if steps > 1 else None,
            "before_second_step_seconds": denoised[0] - started,
            "decode_seconds": end - denoised[-1],
        }

    def _run(self, shape: dict[str, Any], on_step: OnStep) -> int:
        """Make a video and drop its frames as they are decoded. Return how many there were."""
        request = GenerationRequest(prompt=PROMPT, seed=7, **shape)
        image = Image.linear_gradient("L").resize((1280, 704)).convert("RGB")
        return sum(len(chunk) for chunk in self.engine.generate(request, GenerationInputs(image), on_step).chunks)

    def _quote_seconds(self, shape: dict[str, Any]) -> float:
        keys = ("width", "height", "num_frames", "steps", "guidance_scale")
        return self.model.quote_seconds(*(shape[key] for key in keys))

    def _predicted_peak_mb(self, shape: dict[str, Any]) -> float | None:
        memory = self.model.memory
        return memory.peak_mb(shape["width"], shape["height"], shape["num_frames"]) if memory else None

    def _reset_peak(self) -> None:
        if self.on_cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    def _memory(self) -> dict[str, Any]:
        """Return the peaks of torch's allocator: in tensors, and taken from the driver. The CUDA context is extra."""
        if not self.on_cuda:
            return {"allocated_mb": None, "reserved_mb": None}
        return {
            "allocated_mb": torch.cuda.max_memory_allocated(self.device) / 2**20,
            "reserved_mb": torch.cuda.max_memory_reserved(self.device) / 2**20,
        }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODEL_NAMES), help="names, separated by commas")
    parser.add_argument("--out", required=True, help="the JSON file to write")
    parser.add_argument("--rehearse", action="store_true", help="run every section with tiny models on the CPU")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--budget-seconds", type=float, default=540, help="default: nine minutes")
    parser.add_argument("--scratch", help="folder for the checkpoints; a model of 5 billion parameters takes 25 GB")
    parser.add_argument(
        "--small-text-encoder",
        action="store_true",
        help="one layer in place of the 5.7 billion parameters of UMT5-XXL, to save a minute and 11 GB",
    )
    options = parser.parse_args()
    if unknown := [name for name in options.models.split(",") if name not in MODEL_NAMES]:
        parser.error(f"there is no configuration of {unknown[0]}; choose from {', '.join(MODEL_NAMES)}")
    return options


if __name__ == "__main__":
    sys.exit(Benchmark(parse_arguments()).run())
