"""The model catalogue: names, pools, predicted seconds and memory."""

import pytest

from inference.engines.base import create_engine
from inference.errors import ModelNotFound
from inference.models.catalogue import MODELS, get_model
from inference.models.costs import VRAM_SLACK_MB, DiffusionCost


def test_names_and_pools() -> None:
    offered = {name: descriptor.pool for name, descriptor in MODELS.items() if not descriptor.test_only}
    gpu = ("i2vgen-xl", "ltx-2", "ltx-2-distilled", "wan-i2v-a14b", "wan-ti2v-5b")
    assert offered == {"camera": "cpu", **dict.fromkeys(gpu, "gpu")}
    assert MODELS["i2vgen-xl-tiny"].test_only
    for name, descriptor in MODELS.items():
        assert descriptor.name == name
        assert descriptor.title
        assert descriptor.description.endswith(".")


def test_unknown_model() -> None:
    with pytest.raises(ModelNotFound, match="camera, i2vgen-xl, ltx-2, ltx-2-distilled, wan"):
        get_model("sora")


@pytest.mark.parametrize("name", MODELS)
def test_every_engine_can_be_created(name: str) -> None:
    engine = create_engine(name, device="cpu")
    assert engine.device == "cpu"
    assert engine.source == MODELS[name].weights


def test_the_cost_of_the_standard_preset_equals_the_measurement() -> None:
    assert get_model("i2vgen-xl").quote_seconds(512, 512, 16, 50, 9.0) == pytest.approx(52.3)


@pytest.mark.parametrize(
    ("size", "tflop"),
    [((512, 512, 8), 20.9), ((768, 768, 24), 157), ((1280, 704, 16), 176), ((1024, 1024, 32), 428)],
)
def test_the_cost_per_step_follows_the_flop_counter(size: tuple[int, int, int], tflop: float) -> None:
    def step(*size: int) -> float:
        width, height, num_frames = size
        quote = get_model("i2vgen-xl").quote_seconds
        return quote(width, height, num_frames, 51, 9.0) - quote(width, height, num_frames, 50, 9.0)

    assert step(*size) / step(512, 512, 16) == pytest.approx(tflop / 41.9, rel=0.01)


@pytest.mark.parametrize(
    ("size", "gigabytes"), [((512, 512, 16), 13.5), ((768, 768, 24), 17.8), ((1024, 1024, 32), 21.5)]
)
def test_memory_is_the_measured_peak_plus_slack(size: tuple[int, int, int], gigabytes: float) -> None:
    assert get_model("i2vgen-xl").vram_mb(*size) == pytest.approx(gigabytes * 1024 + VRAM_SLACK_MB, abs=2)


def test_more_work_never_costs_less() -> None:
    descriptor = get_model("i2vgen-xl")
    for small, large in (
        ((256, 256, 8), (256, 256, 16)),
        ((512, 512, 32), (768, 768, 32)),
        ((768, 768, 32), (1024, 1024, 32)),
    ):
        assert descriptor.quote_seconds(*small, 50, 9.0) < descriptor.quote_seconds(*large, 50, 9.0)
        assert 0 < descriptor.vram_mb(*small) < descriptor.vram_mb(*large)


def test_camera_needs_no_gpu_memory_and_has_no_steps() -> None:
    camera = get_model("camera")
    assert camera.vram_mb(1024, 1024, 32) == 0
    assert camera.quote_seconds(512, 512, 16, None, None) < 2
    assert camera.parameters == frozenset()


def test_without_guidance_a_step_may_cost_less() -> None:
    table = {"kind": "diffusion", "step_linear": 10.0, "decode": 0.0, "tflop_per_second": 1.0, "without_guidance": 0.5}
    cost = DiffusionCost.model_validate(table)
    assert cost.seconds(512, 512, 16, 4, 1.0) == cost.seconds(512, 512, 16, 2, 5.0) == 20


def test_i2vgen_xl_has_the_ranges_and_presets_of_its_document() -> None:
    model = get_model("i2vgen-xl")
    assert [str(each) for each in (model.num_frames, model.fps, model.steps, model.guidance_scale)] == [
        "8..32",
        "4..24",
        "10..100",
        "1..20",
    ]
    assert list(model.sizes.resolutions) == ["256p", "512p", "768p", "1024p"]
    assert {name: (preset.resolution, preset.num_frames, preset.steps) for name, preset in model.presets.items()} == {
        "fast": ("512p", 8, 30),
        "standard": ("512p", 16, 50),
        "high": ("768p", 24, 80),
        "batch": ("512p", 16, 50),
    }
    assert model.prompt.max_length == 1000
