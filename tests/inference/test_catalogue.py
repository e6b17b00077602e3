"""The model catalogue: names, pools, predicted seconds and memory."""

import pytest

from inference.catalogue import MODELS, get_model
from inference.costs import VRAM_SLACK_MB
from inference.engines.base import create_engine
from inference.errors import ModelNotFound
from inference.sizes import RESOLUTIONS


def test_names_and_pools() -> None:
    offered = {name: spec.pool for name, spec in MODELS.items() if not spec.test_only}
    assert offered == {"i2vgen-xl": "gpu", "camera": "cpu"}
    assert MODELS["i2vgen-xl-tiny"].test_only
    for name, spec in MODELS.items():
        assert spec.name == name
        assert set(spec.resolutions) <= set(RESOLUTIONS)
        assert spec.title
        assert spec.description.endswith(".")


def test_unknown_model() -> None:
    with pytest.raises(ModelNotFound, match="i2vgen-xl, camera"):
        get_model("sora")


@pytest.mark.parametrize("name", MODELS)
def test_every_engine_can_be_created(name: str) -> None:
    engine = create_engine(name, device="cpu")
    assert engine.device == "cpu"
    assert engine.source == MODELS[name].source


def test_the_cost_of_the_standard_preset_equals_the_measurement() -> None:
    assert get_model("i2vgen-xl").quote_seconds(512, 512, 16, 50) == pytest.approx(52.3)


@pytest.mark.parametrize(
    ("size", "tflop"),
    [((512, 512, 8), 20.9), ((768, 768, 24), 157), ((1280, 704, 16), 176), ((1024, 1024, 32), 428)],
)
def test_the_cost_per_step_follows_the_flop_counter(size: tuple[int, int, int], tflop: float) -> None:
    quote = get_model("i2vgen-xl").quote_seconds
    assert (quote(*size, 51) - quote(*size, 50)) / (quote(512, 512, 16, 51) - quote(512, 512, 16, 50)) == pytest.approx(
        tflop / 41.9, rel=0.01
    )


@pytest.mark.parametrize(
    ("size", "gigabytes"), [((512, 512, 16), 13.5), ((768, 768, 24), 17.8), ((1024, 1024, 32), 21.5)]
)
def test_memory_is_the_measured_peak_plus_slack(size: tuple[int, int, int], gigabytes: float) -> None:
    assert get_model("i2vgen-xl").vram_mb(*size) == pytest.approx(gigabytes * 1024 + VRAM_SLACK_MB, abs=2)


def test_more_work_never_costs_less() -> None:
    spec = get_model("i2vgen-xl")
    for small, large in (
        ((256, 256, 8), (256, 256, 16)),
        ((512, 512, 32), (768, 768, 32)),
        ((768, 768, 32), (1024, 1024, 32)),
    ):
        assert spec.quote_seconds(*small, 50) < spec.quote_seconds(*large, 50)
        assert 0 < spec.vram_mb(*small) < spec.vram_mb(*large)


def test_camera_needs_no_gpu_memory_and_ignores_steps() -> None:
    camera = get_model("camera")
    assert camera.vram_mb(1024, 1024, 32) == 0
    assert camera.quote_seconds(512, 512, 16, 10) == camera.quote_seconds(512, 512, 16, 100) < 2
