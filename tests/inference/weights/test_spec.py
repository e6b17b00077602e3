"""Sources of weights: folders, repositories with a revision, buckets, and what is none of them."""

from pathlib import Path

import pytest

from inference.errors import ModelNotFound
from inference.models.catalogue import MODELS
from inference.weights.selection import WeightsSelection
from inference.weights.spec import WeightsSpec


def spec_of(source: str) -> WeightsSpec:
    return WeightsSpec(source, WeightsSelection(("WanPipeline",)))


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("someone/a-model", "someone/a-model/main"),
        ("someone/a-model@v1.0", "someone/a-model/v1.0"),
        ("someone/a-model@refs/pr/1", "someone/a-model/refs%2Fpr%2F1"),
        ("s3://models/wan/our-wan/", "s3/models%2Fwan%2Four-wan/current"),
    ],
)
def test_sources_have_folders_of_their_own(source: str, path: str) -> None:
    assert spec_of(source).store_path == Path(path)


@pytest.mark.parametrize("source", ["no such folder", "model", "../model", "a/..", "a/b@../../c", "a/b/c", "-a/b", ""])
def test_what_is_no_source_is_refused(source: str) -> None:
    with pytest.raises(ModelNotFound, match="neither a folder"):
        _ = spec_of(source).store_path


def test_a_folder_is_used_in_place(tmp_path: Path) -> None:
    assert spec_of(str(tmp_path)).local_folder == tmp_path
    assert spec_of("/nonexistent").local_folder == Path("/nonexistent")
    assert spec_of("someone/a-model").local_folder is None


def test_the_revision_of_a_descriptor_is_part_of_the_source() -> None:
    model = MODELS["wan-ti2v-5b"].model_copy(update={"revision": "v2"})
    spec = WeightsSpec.of_model(model)
    assert spec is not None
    assert spec.source == "Wan-AI/Wan2.2-TI2V-5B-Diffusers@v2"
    assert WeightsSpec.of_model(MODELS["camera"]) is None
    other = WeightsSpec.of_model(model, "/models/our-wan")
    assert other is not None
    assert other.source == "/models/our-wan"
