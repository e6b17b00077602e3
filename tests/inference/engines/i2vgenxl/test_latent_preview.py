"""Previews during a run: small, cheap, and rendered only on request."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.engines.base import PreviewFn, load_engine
from inference.generation import GenerationInputs, GenerationRequest
from inference.images import MAX_PREVIEW_BYTES, MAX_PREVIEW_SIDE, preview_jpeg
from tests.support.frames import generate_frames

TINY = Path(__file__).parents[3] / "reference" / "i2vgen-xl-tiny"


REQUEST = GenerationRequest(
    prompt="slowly zooms in", width=128, height=64, num_frames=8, fps=8, steps=10, guidance_scale=9.0, seed=7
)


@pytest.mark.parametrize(
    ("model", "source", "count", "shape"),
    [
        ("camera", None, 8, (64, 128, 3)),
        ("scripted", None, 10, (48, 64, 3)),
        ("i2vgen-xl-tiny", str(TINY), 10, (8, 16, 3)),
    ],
)
def test_every_engine_offers_a_preview_after_each_step(
    model: str, source: str | None, count: int, shape: tuple[int, ...]
) -> None:
    previews: list[PreviewFn] = []
    seen: list[NDArray[np.uint8]] = []

    def on_preview(preview: PreviewFn) -> None:
        previews.append(preview)
        seen.append(preview())

    engine = load_engine(model, device="cpu", source=source)
    inputs = GenerationInputs(Image.linear_gradient("L").convert("RGB"))
    frames = generate_frames(engine, REQUEST, inputs, lambda _step, _total: None, on_preview)
    assert len(previews) == count
    assert {(found.shape, found.dtype.name) for found in seen} == {(shape, "uint8")}
    assert np.array_equal(frames, generate_frames(engine, REQUEST, inputs, lambda _step, _total: None))


def test_a_preview_is_small_even_for_noise() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)
    jpeg = preview_jpeg(noise)
    assert len(jpeg) <= MAX_PREVIEW_BYTES
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.format, image.size) == ("JPEG", (MAX_PREVIEW_SIDE, MAX_PREVIEW_SIDE * 9 // 16))
