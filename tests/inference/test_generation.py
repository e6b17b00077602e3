"""Requests, limits, presets and frame sizes."""

from typing import Any

import pytest

from inference import limits
from inference.errors import RequestError
from inference.generation import GenerationInputs, GenerationRequest, LoraWeight
from inference.presets import DEFAULT_PRESET, PRESETS
from inference.sizes import ASPECT_RATIOS, RESOLUTIONS, frame_size, nearest_aspect_ratio, parse_size, resolution_label

VALID: dict[str, Any] = {
    "prompt": "a cat",
    "width": 64,
    "height": 64,
    "num_frames": 1,
    "fps": 1,
    "steps": 1,
    "guidance_scale": 1.0,
    "seed": 0,
}


def test_smallest_valid_request() -> None:
    request = GenerationRequest(**VALID)
    assert request.negative_prompt == ""
    assert request.duration_seconds == 1


def test_an_engine_that_needs_an_image_says_so() -> None:
    with pytest.raises(RequestError, match="needs an image") as caught:
        _ = GenerationInputs(None).required_image
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ""),
        ("prompt", "  \n"),
        ("prompt", "x" * 1001),
        ("prompt", "nul \0 inside"),
        ("prompt", "lone \ud83d surrogate"),
        ("negative_prompt", "x" * 1001),
        ("negative_prompt", "\0"),
        ("width", 0),
        ("width", 65),
        ("height", -8),
        ("num_frames", 0),
        ("fps", 0),
        ("steps", 0),
        ("guidance_scale", float("nan")),
        ("guidance_scale", float("inf")),
        ("guidance_scale", -0.1),
        ("guidance_scale_2", float("nan")),
        ("guidance_scale_2", -0.1),
        ("loras", (LoraWeight("a"), LoraWeight("a", 0.5))),
        ("loras", (LoraWeight("a", float("inf")),)),
        ("seed", -1),
        ("seed", 2**63),
    ],
)
def test_the_error_names_the_invalid_field(field: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        GenerationRequest(**{**VALID, field: value})
    assert caught.value.field == field
    assert caught.value.permanent


def test_the_largest_values_are_valid() -> None:
    largest = {"prompt": "猫" * 1000, "seed": 2**63 - 1, "num_frames": 500, "steps": 1000}
    request = GenerationRequest(**{**VALID, **largest})
    assert {name: getattr(request, name) for name in largest} == largest


def test_ranges_match_the_api() -> None:
    assert str(limits.PROMPT_LENGTH) == "1..1000"
    assert str(limits.NUM_FRAMES) == "8..32"
    assert str(limits.FPS) == "4..24"
    assert str(limits.STEPS) == "10..100"
    assert str(limits.GUIDANCE_SCALE) == "1.0..20.0"
    assert 2**63 - 1 in limits.SEED
    assert 2**63 not in limits.SEED
    assert 7 not in limits.NUM_FRAMES
    assert 32 in limits.NUM_FRAMES


def test_presets_are_within_the_ranges() -> None:
    assert list(PRESETS) == ["fast", "standard", "high", "batch"]
    assert DEFAULT_PRESET.name == "standard"
    for preset in PRESETS.values():
        assert preset.resolution in RESOLUTIONS
        assert preset.num_frames in limits.NUM_FRAMES
        assert preset.steps in limits.STEPS
        assert preset.guidance_scale in limits.GUIDANCE_SCALE


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
def test_frame_sizes_are_multiples_of_8_within_the_resolution(resolution: str, aspect_ratio: str) -> None:
    width, height = frame_size(resolution, aspect_ratio, 1, 1)
    ratio_width, ratio_height = ASPECT_RATIOS[aspect_ratio]
    assert width % 8 == height % 8 == 0
    assert 0.9 * RESOLUTIONS[resolution] ** 2 < width * height <= RESOLUTIONS[resolution] ** 2
    assert width / height == pytest.approx(ratio_width / ratio_height, rel=0.03)
    assert resolution_label(width, height) == resolution


def test_auto_follows_the_shape_of_the_image() -> None:
    assert frame_size("512p", "auto", 1000, 1000) == (512, 512)
    assert frame_size("512p", "auto", 1920, 1080) == frame_size("512p", "16:9", 1, 1)
    assert frame_size("512p", "auto", 1080, 2400) == frame_size("512p", "9:16", 1, 1)
    assert nearest_aspect_ratio(640, 427) == "4:3"
    assert nearest_aspect_ratio(427, 640) == "3:4"
    assert nearest_aspect_ratio(8192, 1) == "16:9"


@pytest.mark.parametrize(
    ("resolution", "aspect_ratio", "field"), [("4k", "1:1", "resolution"), ("512p", "2:1", "aspect_ratio")]
)
def test_unknown_names_are_rejected(resolution: str, aspect_ratio: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        frame_size(resolution, aspect_ratio, 1, 1)
    assert caught.value.field == field


def test_sizes_are_parsed() -> None:
    assert parse_size("512x768") == (512, 768)
    assert parse_size(" 1280X704 ") == (1280, 704)
    for text in (
        "512",
        "512x",
        "x512",
        "0x512",
        "-8x8",
        "512*512",
        "512x512x512",
        "\u0665\u0661\u0662x512",
        "512 x 512",
        "999999x8",
    ):
        with pytest.raises(RequestError):
            parse_size(text)
    with pytest.raises(RequestError, match="such as 512x504"):
        parse_size("513x510")
