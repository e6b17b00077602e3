"""Modules that the site imports do not import torch; every error is documented in the tree."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from inference import errors

ROOT = Path(__file__).parents[2]
LIGHT = [
    "inference.models.catalogue",
    "inference.models.descriptor",
    "inference.models.files",
    "inference.models.input_schema",
    "inference.models.ranges",
    "inference.models.settings",
    "inference.models.table",
    "inference.engines.registry",
    "inference.prompt_keywords",
    "inference.cli",
    "inference.models.costs",
    "inference.audio",
    "inference.devices",
    "inference.encoding",
    "inference.engines.base",
    "inference.engines.camera.engine",
    "inference.engines.diffusion_pipelines.options",
    "inference.engines.i2vgenxl.options",
    "inference.engines.options",
    "inference.engines.upstream.options",
    "inference.engines.wan.options",
    "inference.errors",
    "inference.frames_file",
    "inference.joining",
    "inference.parameter_sets",
    "inference.provenance",
    "inference.video_files",
    "inference.limits",
    "inference.image_decoding.color",
    "inference.image_decoding.decode",
    "inference.image_decoding.exif",
    "inference.image_decoding.formats",
    "inference.image_decoding.heif",
    "inference.image_decoding.jpeg",
    "inference.image_decoding.messages",
    "inference.image_decoding.parts",
    "inference.image_decoding.png",
    "inference.image_decoding.pool",
    "inference.image_decoding.process",
    "inference.image_decoding.webp",
    "inference.images",
    "inference.models.presets",
    "inference.prompt_tokens",
    "inference.generation",
    "inference.models.sizes",
    "inference.weights.fetching",
    "inference.weights.hub",
    "inference.weights.manifest",
    "inference.weights.s3",
    "inference.weights.selection",
    "inference.weights.sources",
    "inference.weights.spec",
    "inference.weights.status",
    "inference.weights.store",
    "inference.weights.transfer",
]
HEAVY = ("torch", "diffusers", "transformers", "django", "redis", "rq")
# What is named so imports torch, but for its options.
DIFFUSION = {"i2vgenxl", "diffusion_pipelines", "wan", "device_errors.py", "pixels.py"}


@pytest.mark.process
def test_no_torch_outside_the_diffusion_engines() -> None:
    program = (
        f"import sys, {', '.join(LIGHT)}\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=600)


def test_the_list_of_light_modules_is_complete() -> None:
    package = ROOT / "inference"
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in package.rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"}
        and (path.name == "options.py" or DIFFUSION.isdisjoint(path.relative_to(package).parts))
    }
    in_engines = {name for name in modules if name.count(".") > 2}
    assert modules - in_engines == {name for name in LIGHT if name not in in_engines}


@pytest.mark.process
def test_the_camera_runs_without_torch() -> None:
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({HEAVY!r}))\n"  # None in sys.modules makes the import fail
        "from PIL import Image\n"
        "from inference.engines.base import load_engine\n"
        "from inference.generation import GenerationInputs, GenerationRequest\n"
        "request = GenerationRequest(prompt='zoom in', width=64, height=64, num_frames=2, fps=8, steps=1,"
        " guidance_scale=1.0, seed=0)\n"
        "inputs = GenerationInputs(Image.new('RGB', (80, 80)))\n"
        "[*load_engine('camera').generate(request, inputs, lambda step, total: None).chunks]\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=600)


def test_every_error_is_in_the_documented_tree() -> None:
    assert errors.__doc__
    classes = [
        name
        for name, member in inspect.getmembers(errors, inspect.isclass)
        if issubclass(member, errors.InferenceError) and member.__module__ == errors.__name__
    ]
    assert len(classes) > 8
    assert [name for name in classes if name not in errors.__doc__] == []
    codes = [error.code for error in (errors.Canceled(), errors.OutOfMemory(""), errors.DeviceBroken(""))]
    assert all(code in errors.__doc__ for code in codes)
