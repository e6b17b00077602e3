"""Fixtures: tiny checkpoints of Wan and LTX-2, engines for them, a request and two images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inference.generation import GenerationRequest

Checkpoint = Callable[[Any], Path]
LoadWan = Callable[..., Any]


@pytest.fixture(scope="session")
def wan_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A call returns the folder of a checkpoint of a kind, which is made at the first call."""
    import torch

    from tests.support.wan_checkpoint import Kind, make_wan_checkpoint

    torch.set_num_threads(1)
    folders: dict[str, Path] = {}

    def find(kind: Kind) -> Path:
        if kind not in folders:
            folders[kind] = tmp_path_factory.mktemp(kind)
            make_wan_checkpoint(folders[kind], kind)
        return folders[kind]

    return find


@pytest.fixture(scope="session")
def wan_lora(wan_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """A call returns the file of a LoRA for the experts of I2V-A14B with random weights."""
    from tests.support.wan_checkpoint import make_lora

    folder = tmp_path_factory.mktemp("loras")

    def find(seed: int) -> str:
        file = folder / f"lora{seed}.safetensors"
        if not file.exists():
            make_lora(file, wan_checkpoint("i2v-a14b"), seed)
        return str(file)

    return find


@pytest.fixture(scope="session")
def load_wan(wan_checkpoint: Checkpoint) -> LoadWan:
    """A call loads an engine for a kind of checkpoint, with options."""

    def load(kind: str, **options: Any) -> Any:
        from inference.engines.wan.engine import WanEngine

        engine = WanEngine(str(wan_checkpoint(kind)), "cpu", options)
        engine.load()
        return engine

    return load


@pytest.fixture(scope="session")
def ltx2_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a checkpoint of LTX-2 with its latent upsampler."""
    import torch

    from tests.support.ltx2_checkpoint import make_ltx2_checkpoint

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("ltx2")
    make_ltx2_checkpoint(folder)
    return folder


@pytest.fixture(scope="session")
def ltx2_lora(ltx2_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a LoRA for LTX-2 with random weights."""
    from tests.support.ltx2_checkpoint import make_ltx2_lora

    file = tmp_path_factory.mktemp("ltx2_loras") / "style.safetensors"
    make_ltx2_lora(file, ltx2_checkpoint)
    return str(file)


@pytest.fixture(scope="session")
def load_ltx2(ltx2_checkpoint: Path) -> Callable[..., Any]:
    """A call loads an engine for the checkpoint of LTX-2, with options."""

    def load(**options: Any) -> Any:
        from inference.engines.ltx2.engine import LTX2Engine

        engine = LTX2Engine(str(ltx2_checkpoint), "cpu", options)
        engine.load()
        return engine

    return load


@pytest.fixture
def wan_request() -> GenerationRequest:
    return GenerationRequest(
        prompt="the cat turns its head", width=64, height=64, num_frames=5, fps=8, steps=3, guidance_scale=3.0, seed=7
    )


@pytest.fixture(scope="session")
def first_image() -> Image.Image:
    return Image.linear_gradient("L").resize((64, 64)).convert("RGB")


@pytest.fixture(scope="session")
def last_image() -> Image.Image:
    return Image.radial_gradient("L").resize((64, 64)).convert("RGB")
