"""The request of an engine."""

from typing import Any

import pytest

from inference.errors import RequestError
from inference.generation import GenerationInputs, GenerationRequest, LoraWeight

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
        ("prompt", "x" * 4001),
        ("prompt", "nul \0 inside"),
        ("prompt", "lone \ud83d surrogate"),
        ("negative_prompt", "x" * 4001),
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
    largest = {"prompt": "猫" * 4000, "seed": 2**63 - 1, "num_frames": 500, "steps": 1000}
    request = GenerationRequest(**{**VALID, **largest})
    assert {name: getattr(request, name) for name in largest} == largest
