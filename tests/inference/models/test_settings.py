"""The settings of a video, checked against a descriptor."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.generation import LoraWeight
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from inference.models.presets import Preset, PresetLora
from inference.models.ranges import IntegerRange
from inference.models.settings import InvalidSettings, accepted_settings, resolve_settings

I2V, CAMERA = MODELS["i2vgen-xl"], MODELS["camera"]
GRID = I2V.model_copy(update={"num_frames": IntegerRange(minimum=9, maximum=81, default=81, step=4)})
SQUARE = (512, 512)


def errors_of(model: ModelDescriptor, values: dict[str, Any]) -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Return kind and nearest values by field."""
    with pytest.raises(InvalidSettings) as caught:
        resolve_settings(model, values, SQUARE, others=MODELS.values())
    return {error.field: (error.kind, error.nearest) for error in caught.value.errors}


def test_a_request_without_settings_has_those_of_the_default_preset() -> None:
    settings = resolve_settings(I2V, {}, SQUARE)
    assert (settings.width, settings.height, settings.num_frames, settings.fps) == (512, 512, 16, 8)
    assert (settings.steps, settings.guidance_scale, settings.preset) == (50, 9.0, "")


def test_a_preset_fills_what_is_not_given() -> None:
    settings = resolve_settings(I2V, {"preset": "high", "num_frames": 9}, SQUARE)
    assert (settings.resolution, settings.num_frames, settings.steps) == ("768p", 9, 80)


def test_a_model_without_steps_has_none() -> None:
    settings = resolve_settings(CAMERA, {"negative_prompt": "", "steps": None}, SQUARE)
    assert settings.steps is settings.guidance_scale is None


def test_fields_without_an_effect_are_refused_with_the_models_that_have_them() -> None:
    values = {"num_inference_steps": 20, "guidance_scale": 5.0, "negative_prompt": "blurry"}
    with pytest.raises(InvalidSettings, match=r"camera has no steps.*i2vgen-xl") as caught:
        resolve_settings(CAMERA, values, SQUARE, others=[CAMERA, I2V])
    assert {error.kind for error in caught.value.errors} == {"not_supported"}
    assert {error.field for error in caught.value.errors} == {*values}
    with pytest.raises(InvalidSettings, match=r"camera has no steps\. Remove it"):
        resolve_settings(CAMERA, {"steps": 20}, SQUARE)


def test_sound_is_for_models_that_make_it_and_not_for_gifs() -> None:
    scripted = MODELS["scripted"]
    assert resolve_settings(scripted, {"audio": True}, SQUARE).audio
    for model in (scripted, CAMERA):
        assert not resolve_settings(model, {"audio": False, "output_format": "gif"}, SQUARE).audio
        assert not resolve_settings(model, {}, SQUARE).audio
    with pytest.raises(InvalidSettings, match=r"camera has no audio.*: scripted\."):
        resolve_settings(CAMERA, {"audio": True}, SQUARE, others=[CAMERA, scripted])
    assert errors_of(scripted, {"audio": True, "output_format": "gif"}) == {"audio": ("conflict", ())}
    assert accepted_settings(CAMERA, {"audio": True, "fps": 8}) == {"fps": 8}
    assert errors_of(CAMERA, {"guidance_scale": 0.0}) == {"guidance_scale": ("not_supported", ())}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"num_frames": 7}, {"num_frames": ("min_value", (8,))}),
        ({"fps": 25, "steps": 9}, {"fps": ("max_value", (24,)), "steps": ("min_value", (10,))}),
        ({"guidance_scale": 20.5}, {"guidance_scale": ("max_value", (20.0,))}),
        ({"preset": "ultra"}, {"preset": ("invalid_choice", ())}),
        ({"resolution": "4k"}, {"resolution": ("invalid", ())}),
        ({"size": "513x512"}, {"size": ("off_grid", ("512x512",))}),
        ({"seconds": "9"}, {"seconds": ("max_value", ("8",))}),
        ({"seconds": "9", "fps": 8}, {"seconds": ("max_value", ("4",))}),
        ({"seconds": "0.1", "fps": 10}, {"seconds": ("min_value", ("0.8",))}),
        ({"prompt": "x" * 1001}, {"prompt": ("max_length", ())}),
    ],
)
def test_wrong_values_are_refused_with_the_nearest_ones(values: dict[str, Any], expected: dict[str, Any]) -> None:
    assert errors_of(I2V, values) == expected


def test_a_value_beside_the_grid_has_two_neighbors() -> None:
    assert errors_of(GRID, {"num_frames": 16}) == {"num_frames": ("off_grid", (13, 17))}


@given(st.floats(9 / 8, 81 / 8))
def test_seconds_give_the_nearest_frames_of_the_grid(seconds: float) -> None:
    settings = resolve_settings(GRID, {"seconds": f"{seconds:.6f}", "fps": 8}, SQUARE)
    assert settings.num_frames in GRID.num_frames
    assert abs(settings.num_frames - seconds * 8) <= GRID.num_frames.step / 2 + 1e-4


@given(st.integers(0, 18), st.integers(4, 24))
def test_the_length_of_a_video_gives_its_frames_again(step: int, fps: int) -> None:
    frames = GRID.num_frames.minimum + step * GRID.num_frames.step
    assert resolve_settings(GRID, {"seconds": f"{frames / fps:g}", "fps": fps}, SQUARE).num_frames == frames


def test_long_videos_have_fewer_frames_per_second() -> None:
    settings = resolve_settings(I2V, {"seconds": "5"}, SQUARE)
    assert (settings.num_frames, settings.fps) == (30, 6)


LORAS = {"lightning": {"transformer": "l.safetensors"}, "anime": {"transformer": "a.safetensors"}}
STYLED = MODELS["wan-ti2v-5b"].model_copy(
    update={
        "engine_options": {"loras": LORAS},
        "presets": {
            "standard": MODELS["wan-ti2v-5b"].presets["standard"],
            "fast": Preset(
                resolution="480p", num_frames=49, steps=20, loras=(PresetLora(name="lightning", scale=0.5),)
            ),
        },
    }
)


def test_loras_are_those_of_the_request_else_those_of_the_preset() -> None:
    assert resolve_settings(STYLED, {}, SQUARE).loras == ()
    assert resolve_settings(STYLED, {"preset": "fast"}, SQUARE).loras == (LoraWeight("lightning", 0.5),)
    own = {"preset": "fast", "loras": [{"name": "anime"}]}
    assert resolve_settings(STYLED, own, SQUARE).loras == (LoraWeight("anime", 1.0),)
    assert resolve_settings(STYLED, {"preset": "fast", "loras": []}, SQUARE).loras == ()


@pytest.mark.parametrize(
    ("loras", "kind"),
    [
        ([{"name": "other"}], "invalid_choice"),
        ([{"name": "anime"}, {"name": "anime", "scale": 0.5}], "invalid"),
    ],
)
def test_wrong_loras_are_refused(loras: list[dict[str, Any]], kind: str) -> None:
    assert errors_of(STYLED, {"loras": loras}) == {"loras": (kind, ())}
    assert errors_of(I2V, {"loras": [{"name": "anime"}]}) == {"loras": ("not_supported", ())}
    assert "loras" not in accepted_settings(STYLED, {"loras": loras})


def test_what_another_model_does_not_take_is_left_out() -> None:
    values = {"prompt": "x", "steps": 50, "guidance_scale": 9.0, "size": "520x512", "num_frames": 16, "fps": 8}
    assert accepted_settings(CAMERA, values) == {"prompt": "x", "size": "520x512", "num_frames": 16, "fps": 8}
    assert "num_frames" not in accepted_settings(GRID, values)
