"""Fixtures: the tiny checkpoint, its golden outputs and the sample photographs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inference.engines.base import Engine, load_engine
from inference.generation import GenerationRequest
from inference.image_decoding.decode import decode_image

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "tests" / "reference"
REQUEST_FIELDS = ("prompt", "width", "height", "num_frames", "fps", "steps", "guidance_scale", "seed")


@pytest.fixture(scope="session")
def reference() -> Path:
    return REFERENCE


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    return REFERENCE / "i2vgen-xl-tiny"


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Image.Image]:
    return lambda name: decode_image((ROOT / "samples" / name).read_bytes())


@pytest.fixture(scope="session")
def cases() -> dict[str, dict[str, Any]]:
    cases: dict[str, dict[str, Any]] = json.loads((REFERENCE / "cases.json").read_text())
    return cases


@pytest.fixture(scope="session")
def case_request(cases: dict[str, dict[str, Any]]) -> Callable[[str], GenerationRequest]:
    def build(name: str) -> GenerationRequest:
        case = cases[name]
        fields = {field: case[field] for field in REQUEST_FIELDS}
        return GenerationRequest(**fields, negative_prompt=case["negative_prompt"] or "")

    return build


@pytest.fixture(scope="session")
def tiny_engine(checkpoint: Path) -> Engine:
    """Loaded once per process: engines keep no state of a run, which test_engine.py checks."""
    import torch

    torch.set_num_threads(1)
    return load_engine(str(checkpoint), device="cpu")


@pytest.fixture
def small_request() -> GenerationRequest:
    return GenerationRequest(
        prompt="the cat turns its head", width=64, height=48, num_frames=4, fps=8, steps=3, guidance_scale=9.0, seed=7
    )
