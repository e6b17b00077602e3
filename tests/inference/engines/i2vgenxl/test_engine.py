"""The interface of the engine: progress, cancellation, reuse, errors."""

import gc
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.engines.base import LatentEngine, create_engine, load_engine
from inference.errors import Canceled, ModelIncomplete, ModelNotFound
from inference.generation import GenerationInputs, GenerationRequest
from tests.support.frames import generate_frames

Sample = Callable[[str], Image.Image]


@pytest.fixture
def cat(sample: Sample) -> GenerationInputs:
    return GenerationInputs(sample("cat.jpg"))


def ignore(_step: int, _total: int) -> None:
    pass


def load_latent_engine(folder: Path) -> LatentEngine:
    engine = load_engine(str(folder), device="cpu")
    assert isinstance(engine, LatentEngine)
    return engine


def test_every_step_is_reported(
    tiny_engine: LatentEngine, small_request: GenerationRequest, cat: GenerationInputs
) -> None:
    seen: list[tuple[int, int]] = []
    frames = generate_frames(tiny_engine, small_request, cat, lambda step, total: seen.append((step, total)))
    assert frames.shape == (4, 48, 64, 3)
    assert frames.dtype == np.uint8
    total = seen[0][1]
    assert seen == [(step, total) for step in range(1, total + 1)]
    assert total > small_request.steps


def test_cancel_stops_within_one_step_and_the_engine_stays_usable(
    tiny_engine: LatentEngine, small_request: GenerationRequest, cat: GenerationInputs
) -> None:
    seen: list[int] = []

    def cancel_at_second(step: int, _total: int) -> None:
        seen.append(step)
        if step == 2:
            raise Canceled

    expected = generate_frames(tiny_engine, small_request, cat, ignore)
    with pytest.raises(Canceled):
        generate_frames(tiny_engine, small_request, cat, cancel_at_second)
    assert seen == [1, 2]
    np.testing.assert_array_equal(generate_frames(tiny_engine, small_request, cat, ignore), expected)


def test_runs_do_not_influence_each_other(
    tiny_engine: LatentEngine, small_request: GenerationRequest, cat: GenerationInputs
) -> None:
    first = tiny_engine.denoise(small_request, cat, ignore)
    other = tiny_engine.denoise(replace(small_request, seed=8, num_frames=2, steps=2, fps=24), cat, ignore)
    assert other.shape == (1, 4, 2, 6, 8)
    np.testing.assert_array_equal(tiny_engine.denoise(small_request, cat, ignore), first)


def test_runs_leave_no_tensors_behind(
    tiny_engine: LatentEngine, small_request: GenerationRequest, cat: GenerationInputs
) -> None:
    import torch

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    generate_frames(tiny_engine, small_request, cat, ignore)
    before = tensors()
    for seed in range(3):
        generate_frames(tiny_engine, replace(small_request, seed=seed), cat, ignore)
    assert tensors() == before


@pytest.mark.parametrize(
    "change", [{"num_frames": 1}, {"steps": 1}, {"width": 8, "height": 8}, {"guidance_scale": 0.0}]
)
def test_smallest_requests_work(
    change: dict[str, Any], tiny_engine: LatentEngine, small_request: GenerationRequest, cat: GenerationInputs
) -> None:
    request = replace(small_request, **change)
    frames = generate_frames(tiny_engine, request, cat, ignore)
    assert frames.shape == (request.num_frames, request.height, request.width, 3)


def test_no_guidance_ignores_the_negative_prompt(
    tiny_engine: LatentEngine, small_request: GenerationRequest, cat: GenerationInputs
) -> None:
    plain = replace(small_request, guidance_scale=1.0)
    np.testing.assert_array_equal(
        tiny_engine.denoise(plain, cat, ignore),
        tiny_engine.denoise(replace(plain, negative_prompt="blurry"), cat, ignore),
    )


def test_half_precision_is_close_to_full_precision(
    checkpoint: Path, small_request: GenerationRequest, cat: GenerationInputs
) -> None:
    from inference.engines.i2vgenxl.engine import I2VGenXLEngine

    engine = I2VGenXLEngine(str(checkpoint), "cpu", {"dtype": "bfloat16"})
    engine.load()
    half = engine.denoise(small_request, cat, ignore)
    full = load_latent_engine(checkpoint).denoise(small_request, cat, ignore)
    assert np.corrcoef(half.ravel(), full.ravel())[0, 1] > 0.99


def test_the_error_names_a_missing_file_of_the_checkpoint(checkpoint: Path) -> None:
    from inference.engines.i2vgenxl.checkpoint import OPTIONAL, choose_variants

    available = {path.relative_to(checkpoint).as_posix() for path in checkpoint.glob("**/*") if path.is_file()}
    assert choose_variants(available, "here", half=False)
    for file in sorted(available - set(OPTIONAL)):
        with pytest.raises(ModelIncomplete, match=file) as caught:
            choose_variants(available - {file}, "here", half=False)
        assert caught.value.file == file


def test_half_precision_weights_are_preferred_if_they_exist() -> None:
    from inference.engines.i2vgenxl.checkpoint import CONFIGS, WEIGHTS, choose_variants, weights_file

    full = {weights_file(component, None) for component in WEIGHTS}
    half = {weights_file(component, "fp16") for component in WEIGHTS}
    assert set(choose_variants({*CONFIGS, *full, *half}, "here", half=True).values()) == {"fp16"}
    assert set(choose_variants({*CONFIGS, *full, *half}, "here", half=False).values()) == {None}
    assert set(choose_variants({*CONFIGS, *half}, "here", half=False).values()) == {"fp16"}
    assert set(choose_variants({*CONFIGS, *full}, "here", half=True).values()) == {None}


def test_half_precision_variant_files_load(
    checkpoint: Path, tmp_path: Path, tiny_engine: LatentEngine, small_request: GenerationRequest, cat: GenerationInputs
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoint, folder)
    for weights in folder.glob("*/*.safetensors"):
        weights.rename(weights.with_suffix(".fp16.safetensors"))
    latents = load_latent_engine(folder).denoise(small_request, cat, ignore)
    np.testing.assert_array_equal(latents, tiny_engine.denoise(small_request, cat, ignore))


def test_the_error_names_a_broken_weights_file(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoint, folder)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelIncomplete, match=r"vae/diffusion_pytorch_model\.safetensors"):
        load_engine(str(folder), device="cpu")


def test_unknown_models_and_missing_sources() -> None:
    with pytest.raises(ModelNotFound, match="neither a model"):
        create_engine("no-such-model")
    with pytest.raises(ModelNotFound, match="holds the checkpoint"):
        load_engine("i2vgen-xl-tiny", device="cpu")
    with pytest.raises(ModelNotFound, match="neither a folder"):
        load_engine("i2vgen-xl", device="cpu", source="no such folder")
