"""Checkpoints: the class is checked first, damaged files are named, and the hub may be unreachable."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from inference.engines.wan.options import WanOptions
from inference.errors import ModelIncomplete, ModelNotFound
from inference.weights.spec import WeightsSpec
from inference.weights.store import current_store
from tests.support.hub import COMMIT, REPOSITORY, add_to_cache, closing_hub, use_empty_cache

Checkpoint = Callable[[str], Path]

WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


def find(source: str, **options: Any) -> Path:
    """Find weights as an engine with these options does."""
    return current_store().find_or_fetch(WeightsSpec(source, WanOptions(**options).weights_selection()))


def load(folder: Path, **options: Any) -> Any:
    import torch

    from inference.engines.diffusion_pipelines.checkpoint import load_pipeline

    return load_pipeline(folder, {"default": torch.float32}, WanOptions(**options))


def test_a_network_that_is_missing_cannot_be_quantized(wan_checkpoint: Checkpoint) -> None:
    with pytest.raises(ModelIncomplete, match="no transformer_2 to quantize"):
        load(wan_checkpoint("t2v"), quantization={"transformer_2": "int8"})


@pytest.fixture
def folder(tmp_path: Path, wan_checkpoint: Checkpoint) -> Path:
    """A checkpoint that the test may damage."""
    return Path(shutil.copytree(wan_checkpoint("t2v"), tmp_path / "checkpoint"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has no model_index.json"),
        ("{", "not valid JSON"),
        ('{"_class_name": "FluxPipeline"}', "is for FluxPipeline, but this engine runs WanImageToVideoPipeline or"),
        ("[]", "is for None"),
    ],
)
def test_the_index_names_a_pipeline_of_the_engine(content: str | None, message: str, folder: Path) -> None:
    assert find(str(folder)) == folder
    (folder / "model_index.json").unlink()
    if content is not None:
        (folder / "model_index.json").write_text(content)
    with pytest.raises(ModelIncomplete, match=message):
        find(str(folder))


@pytest.mark.parametrize("file", [WEIGHTS, "vae/config.json", "tokenizer/tokenizer.json"])
def test_a_missing_or_damaged_file_is_reported(file: str, folder: Path) -> None:
    assert load(folder)
    (folder / file).write_bytes(b"damaged")
    with pytest.raises(ModelIncomplete, match="cannot be loaded: "):
        load(folder)
    (folder / file).unlink()
    with pytest.raises(ModelIncomplete, match="cannot be loaded: "):
        load(folder)


@pytest.fixture
def gguf_file(folder: Path, tmp_path: Path) -> str:
    from tests.support.wan_checkpoint import make_gguf

    make_gguf(tmp_path / "weights.gguf", folder)
    return str(tmp_path / "weights.gguf")


def test_weights_of_a_gguf_file_stay_quantized(folder: Path, gguf_file: str) -> None:
    import torch

    (folder / WEIGHTS).unlink()
    pipeline = load(folder, gguf={"transformer": gguf_file})
    weight = pipeline.transformer.blocks[0].attn1.to_q.weight
    assert (type(weight).__name__, weight.dtype) == ("GGUFParameter", torch.uint8)


def test_a_gguf_file_that_cannot_be_used_is_named(folder: Path, gguf_file: str) -> None:
    with pytest.raises(ModelIncomplete, match=r"/nonexistent\.gguf cannot be loaded: "):
        load(folder, gguf={"transformer": "/nonexistent.gguf"})
    with pytest.raises(ModelIncomplete, match=r"has no transformer_2 for .*weights\.gguf"):
        load(folder, gguf={"transformer_2": gguf_file})


def test_the_variant_of_the_weights_is_loaded(folder: Path) -> None:
    for weights in folder.glob("*/*.safetensors"):
        weights.rename(weights.with_suffix(".fp16.safetensors"))
    assert load(folder, variant="fp16")
    with pytest.raises(ModelIncomplete):
        load(folder)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
    return use_empty_cache(tmp_path / "hub", monkeypatch)


@pytest.fixture
def downloaded(cache: Path, folder: Path) -> Path:
    return add_to_cache(cache, folder)


def test_an_earlier_download_is_used_while_the_hub_is_unreachable(downloaded: Path) -> None:
    assert find(REPOSITORY) == downloaded


def test_an_incomplete_download_is_not_used(downloaded: Path) -> None:
    (downloaded / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ModelNotFound, match=r"could not be downloaded: .* Check the connection to the hub"):
        find(REPOSITORY)


def test_weights_in_place_of_which_there_is_a_gguf_file_are_not_downloaded(downloaded: Path) -> None:
    (downloaded / WEIGHTS).unlink()
    assert find(REPOSITORY, gguf={"transformer": "weights.gguf"}) == downloaded
    (downloaded / "transformer" / "config.json").unlink()
    with pytest.raises(ModelNotFound):
        find(REPOSITORY, gguf={"transformer": "weights.gguf"})


def test_a_download_of_another_class_is_not_used(downloaded: Path) -> None:
    (downloaded / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(ModelNotFound):
        find(REPOSITORY)


def test_the_revision_of_the_source_is_used(downloaded: Path) -> None:
    assert find(f"{REPOSITORY}@{COMMIT}") == downloaded
    with pytest.raises(ModelNotFound):
        find(f"{REPOSITORY}@{'f' * 40}")


@pytest.mark.usefixtures("cache")
def test_an_unreachable_hub_is_not_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing_hub(monkeypatch) as connections, pytest.raises(ModelNotFound, match="could not be downloaded: "):
        find(REPOSITORY)
    assert 1 <= len(connections) <= 2  # httpx repeats a request on a connection that was closed


@pytest.mark.usefixtures("cache")
def test_what_is_nowhere_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelNotFound, match="neither a folder"):
        find("no such folder")
    with pytest.raises(ModelNotFound, match="Check the connection to the hub"):
        find(REPOSITORY)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match="HF_HUB_OFFLINE"):
        find(REPOSITORY)
