"""Which files of a checkpoint are read: its components, one format and one variant, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from inference.errors import ModelIncomplete
from inference.models.catalogue import MODELS
from inference.weights.selection import WeightsSelection, parse_index
from inference.weights.spec import WeightsSpec
from tests.support.hub_server import NEEDED, write_checkpoint

WAN = WeightsSelection(("WanPipeline",))


@pytest.fixture
def files(tmp_path: Path) -> set[str]:
    write_checkpoint(tmp_path)
    return {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.fixture
def index(files: set[str], tmp_path: Path) -> dict[str, Any]:
    return parse_index((tmp_path / "model_index.json").read_bytes())


def test_components_are_read_in_one_format(files: set[str], index: dict[str, Any]) -> None:
    assert WAN.select(files, index, "here") == list(NEEDED)


def test_a_variant_is_read_where_there_is_one(files: set[str], index: dict[str, Any]) -> None:
    files |= {
        "transformer/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
        "transformer/diffusion_pytorch_model.safetensors.index.fp16.json",
    }
    selected = WeightsSelection(("WanPipeline",), ("fp16", None)).select(files, index, "here")
    assert [path for path in selected if path.startswith(("transformer/d", "vae/d", "text_encoder/m"))] == [
        "text_encoder/model.safetensors",
        "transformer/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
        "transformer/diffusion_pytorch_model.safetensors.index.fp16.json",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]


def test_of_a_replaced_network_only_the_configuration_is_read(files: set[str], index: dict[str, Any]) -> None:
    selection = WeightsSelection(("WanPipeline",), replaced=frozenset({"transformer"}))
    selected = selection.select(files, index, "here")
    assert [path for path in selected if path.startswith("transformer")] == ["transformer/config.json"]


def test_components_are_left_out_and_networks_that_the_index_does_not_name_added(
    files: set[str], index: dict[str, Any]
) -> None:
    added = ["latent_upsampler/config.json", "latent_upsampler/diffusion_pytorch_model.safetensors"]
    selection = WeightsSelection(("WanPipeline",), unused=frozenset({"vae"}), extra=("latent_upsampler",))
    selected = selection.select(files | {*added}, index, "here")
    assert selected == sorted([*(path for path in NEEDED if not path.startswith("vae/")), *added])
    with pytest.raises(ModelIncomplete, match=r"has no latent_upsampler/config\.json"):
        selection.select(files, index, "here")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("scheduler/scheduler_config.json", "has no scheduler"),
        ("vae/config.json", "has no vae/config.json"),
        ("vae/diffusion_pytorch_model.safetensors", "no weights in safetensors for vae"),
        ("transformer/diffusion_pytorch_model-00001-of-00002.safetensors", "lacks parts of the weights of transformer"),
    ],
)
def test_a_missing_file_is_named(missing: str, message: str, files: set[str], index: dict[str, Any]) -> None:
    with pytest.raises(ModelIncomplete, match=message):
        WAN.select(files - {missing}, index, "here")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "is for None"),
        (b'{"_class_name": "FluxPipeline"}', "is for FluxPipeline, but this engine runs WanPipeline"),
    ],
)
def test_the_index_names_a_pipeline_of_the_engine(content: bytes, message: str) -> None:
    with pytest.raises(ModelIncomplete, match=message):
        WAN.select([], parse_index(content), "here")


def test_names_of_the_index_lead_nowhere_else(files: set[str], index: dict[str, Any]) -> None:
    odd = {"..": ["a", "B"], "/etc": ["a", "B"], "a/../../b": ["a", "B"], "": ["a", "B"]}
    files |= {"../config.json", "/etc/config.json", "vae/../../config.json", "vae/.hidden.json"}
    assert WAN.select(files, json.loads(json.dumps(index | odd)), "here") == list(NEEDED)


def test_every_shipped_model_with_weights_says_what_it_reads() -> None:
    specs = {name: WeightsSpec.of_model(model) for name, model in MODELS.items() if model.weights}
    assert len(specs) >= 3
    for name, spec in specs.items():
        assert spec is not None, name
        assert spec.selection.pipelines
        assert spec.store_path.parts[:2] == tuple(str(MODELS[name].weights).split("/"))
