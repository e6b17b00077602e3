"""The JSON Schema of a model accepts what its settings accept."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from inference.models.input_schema import input_schema
from inference.models.ranges import IntegerRange
from inference.models.settings import InvalidSettings, resolve_settings

I2V, CAMERA = MODELS["i2vgen-xl"], MODELS["camera"]
GRID = I2V.model_copy(update={"num_frames": IntegerRange(minimum=9, maximum=81, default=81, step=4)})
IMAGE = {"image_base64": "AAAA", "prompt": "x"}


def schema_of(model: ModelDescriptor) -> dict[str, Any]:
    return input_schema(model, url={"type": "string"}, takes_image_urls=True)


_fields = st.fixed_dictionaries(
    {},
    optional={
        "num_frames": st.integers(0, 100),
        "fps": st.integers(0, 30),
        "steps": st.integers(0, 120),
        "guidance_scale": st.floats(0, 30),
        "negative_prompt": st.sampled_from(["blurry", "dark"]),
        "preset": st.sampled_from(["fast", "standard", "ultra"]),
        "resolution": st.sampled_from(["256p", "512p", "4k"]),
        "aspect_ratio": st.sampled_from(["auto", "1:1", "2:1"]),
    },
)


@pytest.mark.parametrize("model", [I2V, CAMERA, GRID], ids=["i2vgen-xl", "camera", "grid"])
@given(values=_fields)
def test_the_schema_and_the_settings_agree(model: Any, values: dict[str, Any]) -> None:
    try:
        resolve_settings(model, values, (512, 512))
        accepted = True
    except InvalidSettings:
        accepted = False
    assert jsonschema_rs.validator_for(schema_of(model)).is_valid({**IMAGE, **values}) is accepted


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": 1},
        {"image_base64": None},
        {"image_url": "https://example.com/a.png"},
        {"size": "512x512", "resolution": "512p"},
        {"seconds": "2", "num_frames": 16},
        {"model": "sora"},
        {"prompt": "x" * 1001},
    ],
)
def test_bodies_that_the_api_refuses(changes: dict[str, Any]) -> None:
    body = {name: value for name, value in {**IMAGE, **changes}.items() if value is not None}
    assert not jsonschema_rs.validator_for(schema_of(I2V)).is_valid(body)


def test_only_fields_with_an_effect_are_described() -> None:
    properties = schema_of(CAMERA)["properties"]
    assert not {"steps", "num_inference_steps", "guidance_scale", "negative_prompt"} & {*properties}
    assert properties["num_frames"]["default"] == 16


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"last_image_base64": "AAAA"}, True),
        ({"last_image_base64": "AAAA", "last_image_url": "https://example.com/a.png"}, False),
        ({"last_image_base64": "AAAA", "image_base64": None}, False),
    ],
)
@pytest.mark.parametrize("image", ["required", "optional"])
def test_a_last_image_needs_a_first_one(changes: dict[str, Any], accepted: bool, image: str) -> None:
    model = MODELS["wan-i2v-a14b"]
    model = model.model_copy(update={"inputs": model.inputs.model_copy(update={"image": image})})
    body = {name: value for name, value in {**IMAGE, **changes}.items() if value is not None}
    assert jsonschema_rs.validator_for(schema_of(model)).is_valid(body) is accepted
    assert "last_image_base64" not in schema_of(I2V)["properties"]
