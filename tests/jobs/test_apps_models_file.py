"""A model that the operator adds by a file alone, from its table to the finished video."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from inference.models.catalogue import MODELS
from inference.models.files import read_models_file
from jobs.apps import load_models
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import SourceImageMissing, load_file, load_source_image
from tests.jobs.worker.test_gpu import is_charged_once, published_properties
from tests.support.api_client import ApiClient
from tests.support.wan_checkpoint import make_lora, make_wan_checkpoint
from tests.support.workers import WorkerProcess, wait_for_state

TABLE = """
[models.our-wan]
extends = "wan-ti2v-5b"
without = ["memory"]
title = "Our Wan"
weights = "{weights}"
engine_options = {{ offload = "none", loras = {{ red = {{ transformer = "{lora}" }} }} }}

[models.our-wan.steps]
minimum = 1
default = 2
[models.our-wan.sizes]
minimum_side = 32
[models.our-wan.presets]
draft.steps = 2
standard.steps = 2
[models.our-wan.presets.tiny]
resolution = "480p"
num_frames = 5
steps = 2
[models.our-wan.presets.red]
resolution = "480p"
num_frames = 5
steps = 2
loras = [{{ name = "red", scale = 0.5 }}]
"""


@pytest.fixture
def models_file(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_wan_checkpoint(tmp_path / "wan", "ti2v")
    file = tmp_path / "models.toml"
    make_lora(tmp_path / "red.safetensors", tmp_path / "wan", seed=1)
    file.write_text(TABLE.format(weights=tmp_path / "wan", lora=tmp_path / "red.safetensors"))
    for name, descriptor in read_models_file(str(file)).items():
        monkeypatch.setitem(MODELS, name, descriptor)
    settings.MODELS_ENABLED = ["camera", "our-wan"]
    return file


def test_a_model_of_the_file_makes_videos_with_and_without_an_image(
    models_file: Path,
    as_alice: ApiClient,
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
) -> None:
    start_worker("--model", "our-wan", MODELS_FILE=str(models_file))
    small = {"model": "our-wan", "preset": "tiny", "size": "64x64", "num_frames": 5, "fps": 8}
    from_image = submit(**small, resolution=...)
    from_text = submit(**small, resolution=..., image_base64=...)
    with_lora = submit(**small | {"preset": "red", "seed": 1}, resolution=...)
    without = submit(**small | {"preset": "red", "seed": 1, "loras": []}, resolution=...)
    for job in (from_image, from_text, with_lora, without):
        wait_for_state(job, State.COMPLETED, State.FAILED)
        assert published_properties(job) == {"width": 64, "height": 64, "frames": 5, "fps": 8}
        assert is_charged_once(job)
    assert (from_image.has_image, from_text.has_image) == (True, False)
    assert (with_lora.loras, without.loras) == ([{"name": "red", "scale": 0.5}], [])
    assert load_file(with_lora.result_key) != load_file(without.result_key)
    with pytest.raises(SourceImageMissing, match="made without an image"):
        load_source_image(from_text)
    remixed = as_alice.post(f"/v1/videos/{from_text.public_id}/remix", {"prompt": "the fox jumps"}).json()
    assert not Job.objects.get(pk=remixed["id"].removeprefix("vid_")).has_image
    described = as_alice.get("/v1/models/our-wan").json()
    assert (described["title"], described["ready"], described["inputs"]["image"]) == ("Our Wan", True, "optional")
    assert described["inputs"]["loras"] == ["red"]


def test_a_wrong_file_stops_the_start_with_its_key(tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "models.toml"
    file.write_text('[models.a]\nextends = "camera"\nfps.maximum = "x"')
    settings.MODELS_FILE = str(file)
    with pytest.raises(ImproperlyConfigured, match=r"MODELS_FILE is not valid\.\n.*models\.a\.fps\.maximum"):
        load_models()
