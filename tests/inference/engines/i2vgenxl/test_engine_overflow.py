"""Weights that are too large for half precision: the video is made in a wider one, or fails with its reason."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.engines.base import Engine, load_engine
from inference.errors import OutputInvalid
from inference.generation import GenerationInputs, GenerationRequest
from tests.support.frames import generate_frames

UNET, VAE = "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model"


@pytest.fixture
def cat(sample: Callable[[str], Image.Image]) -> GenerationInputs:
    return GenerationInputs(sample("cat.jpg"))


@pytest.fixture
def scaled_checkpoint(checkpoint: Path, tmp_path: Path) -> Callable[..., Path]:
    """A call returns a checkpoint with one weight multiplied by a factor."""
    from safetensors.torch import load_file, save_file

    def scale(network: str, weight: str, factor: float) -> Path:
        folder = tmp_path / "checkpoint"
        shutil.copytree(checkpoint, folder)
        file = folder / f"{network}.safetensors"
        tensors = load_file(file)
        tensors[weight] = tensors[weight] * factor
        save_file(tensors, file)
        return folder

    return scale


def half_engine(folder: Path) -> Engine:
    import torch

    from inference.engines.i2vgenxl.engine import I2VGenXLEngine

    torch.set_num_threads(1)
    engine = I2VGenXLEngine(str(folder), "cpu", {"dtype": "float16"})
    engine.load()
    return engine


def ignore(_step: int, _total: int) -> None:
    pass


@pytest.mark.parametrize(
    ("network", "weight", "factor"),
    # Group norms undo both factors, behind the overflow.
    [(UNET, "conv_in.weight", 1e5), (VAE, "decoder.conv_in.weight", 1e5)],
)
def test_an_overflow_is_repeated_in_a_wider_precision(
    network: str,
    weight: str,
    factor: float,
    scaled_checkpoint: Callable[..., Path],
    small_request: GenerationRequest,
    cat: GenerationInputs,
) -> None:
    import torch

    folder = scaled_checkpoint(network, weight, factor)
    expected = generate_frames(load_engine(str(folder), device="cpu"), small_request, cat, ignore)
    engine = half_engine(folder)

    for _ in range(2):  # the engine stays usable, in its own precision
        frames = generate_frames(engine, small_request, cat, ignore)
        assert np.abs(frames.astype(int) - expected).mean() < 3
        networks = (engine.components.unet, engine.components.vae)  # type: ignore[attr-defined]
        assert {each.dtype for each in networks} == {torch.float16}


@pytest.mark.parametrize(("network", "weight"), [(UNET, "conv_out.weight"), (VAE, "decoder.conv_out.weight")])
def test_what_no_precision_can_compute_fails_with_its_reason(
    network: str,
    weight: str,
    scaled_checkpoint: Callable[..., Path],
    small_request: GenerationRequest,
    cat: GenerationInputs,
) -> None:
    engine = half_engine(scaled_checkpoint(network, weight, float("nan")))
    with pytest.raises(OutputInvalid, match="no numbers") as caught:
        generate_frames(engine, small_request, cat, ignore)
    assert caught.value.permanent
