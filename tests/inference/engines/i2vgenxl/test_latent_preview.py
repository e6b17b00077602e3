"""Looks at a clip while it is made: small, cheap, and only where somebody asks for them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.engines.base import PreviewFn, load_engine
from inference.generation import GenerationRequest
from inference.images import MAX_PREVIEW_BYTES, MAX_PREVIEW_SIDE, preview_jpeg

TINY = Path(__file__).parents[3] / "reference" / "i2vgen-xl-tiny"


def request(**changes: object) -> GenerationRequest:
    facts = {"prompt": "slowly zooms in", "negative_prompt": "", "width": 128, "height": 64, "num_frames": 8, "fps": 8}
    return GenerationRequest(**{**facts, "steps": 10, "guidance_scale": 9.0, "seed": 7, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "source", "count", "shape"),
    [
        ("camera", None, 8, (64, 128, 3)),
        ("scripted", None, 10, (48, 64, 3)),
        ("i2vgen-xl-tiny", str(TINY), 10, (8, 16, 3)),
    ],
)
def test_every_engine_lets_itself_be_looked_at_after_each_step(
    model: str, source: str | None, count: int, shape: tuple[int, ...]
) -> None:
    previews: list[PreviewFn] = []
    seen: list[np.ndarray] = []

    def on_preview(preview: PreviewFn) -> None:
        previews.append(preview)
        seen.append(preview())

    engine = load_engine(model, device="cpu", source=source)
    picture = Image.linear_gradient("L").convert("RGB")
    frames = engine.generate(request(), picture, lambda _step, _total: None, on_preview)
    assert len(previews) == count
    assert {(found.shape, found.dtype.name) for found in seen} == {(shape, "uint8")}
    assert np.array_equal(frames, engine.generate(request(), picture, lambda _step, _total: None))


def test_a_preview_is_small_whatever_it_shows() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)
    jpeg = preview_jpeg(noise)
    assert len(jpeg) <= MAX_PREVIEW_BYTES
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.format, image.size) == ("JPEG", (MAX_PREVIEW_SIDE, MAX_PREVIEW_SIDE * 9 // 16))
