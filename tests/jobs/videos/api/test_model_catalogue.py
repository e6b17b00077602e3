"""The JSON Schema of a model accepts the bodies that a submit accepts."""

from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from common.errors import MutoscopeError
from inference.models.catalogue import MODELS
from jobs.api.errors import as_mutoscope_error
from jobs.api.validation import validate
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.submission import build_request
from tests.support.people import Person

WAN = "wan-ti2v-5b"

_side = st.sampled_from([32, 64, 224, 250, 256, 480, 704, 832, 1280, 2048, 2080, 99999])
_text = st.sampled_from(["", " ", "x", "\u00e9", "a\0", "\u3000", "x" * 2000, "x" * 2001])
_seconds = st.one_of(
    st.sampled_from(["0", "5", "5.04", "15", "16", "1000", "1e1", "x", "", True]), st.decimals(0, 16, places=2).map(str)
)
_lora = st.fixed_dictionaries(
    {"name": st.sampled_from(["red", "blue", "green"])}, optional={"scale": st.sampled_from([-2.5, -2, 0, 1.5, "x"])}
)
_bodies = st.fixed_dictionaries(
    {},
    optional={
        "prompt": _text,
        "negative_prompt": _text,
        "num_frames": st.integers(0, 140),
        "fps": st.integers(0, 70),
        "seconds": _seconds | st.floats(0.01, 16).map(lambda number: round(number, 2)),
        "size": st.tuples(_side, _side).map(lambda sides: f"{sides[0]}x{sides[1]}") | st.sampled_from(["x", "256"]),
        "steps": st.integers(0, 60),
        "guidance_scale": st.floats(0, 12),
        "loras": st.lists(_lora, max_size=3),
        "metadata": st.sampled_from([{}, {"a": "b"}, {"": "b"}, {"a": "x" * 501}, {"a": 1}]),
        "webhook_url": st.sampled_from(["https://example.com/a", "ftp://example.com", "https://a b"]),
        "user": st.sampled_from(["", "me", "x" * 501]),
        "image_url": st.just("https://example.com/a.png"),
        "last_image_base64": st.just("AAAA"),
    },
)


@pytest.fixture
def wan(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MODELS_ENABLED = [WAN]
    settings.DEFAULT_MODEL = WAN
    loras = {name: {"transformer": f"{name}.safetensors"} for name in ("red", "blue")}
    monkeypatch.setitem(MODELS, WAN, MODELS[WAN].model_copy(update={"engine_options": {"loras": loras}}))


@pytest.mark.django_db
@pytest.mark.usefixtures("wan")
def test_the_schema_and_a_submit_agree(alice: Person, client: Client) -> None:
    described = client.get(f"/v1/models/{WAN}", headers=alice.headers).json()
    schema = described["input_schema"]
    validator = jsonschema_rs.validator_for(schema)

    @examples(max_examples=500, derandomize=True, database=None, deadline=None)
    @given(body=_bodies)
    def agree(body: dict[str, Any]) -> None:
        body = {"prompt": "x"} | body
        error = _error_of(body, alice)
        fits = validator.is_valid(body) and all(fits(schema, body) for fits in (_fits_size, _fits_seconds))
        assert fits is (error is None), (body, error)

    agree()


def _error_of(body: dict[str, Any], person: Person) -> MutoscopeError | None:
    try:
        build_request(validate(VideoRequestSerializer, body), team=person.team)
    except Exception as error:
        known = as_mutoscope_error(error)
        assert known is not None
        return known
    return None


def _fits_size(schema: dict[str, Any], body: dict[str, Any]) -> bool:
    if "size" not in body:
        return True
    rule = schema["properties"]["size"]["x-size"]
    width, height = map(int, body["size"].split("x"))
    return width * height <= rule["max_pixels"] and all(
        side % rule["multiple"] == 0 and rule["minimum_side"] <= side <= rule["maximum_side"]
        for side in (width, height)
    )


def _fits_seconds(schema: dict[str, Any], body: dict[str, Any]) -> bool:
    if "seconds" not in body:
        return True
    rule, seconds = schema["properties"]["seconds"]["x-frames"], float(body["seconds"])
    slowest = fps = body.get("fps", schema["properties"]["fps"]["default"])
    if "fps" not in body:
        slowest = schema["properties"]["fps"]["minimum"]
    frames = round(seconds * fps)
    if frames > rule["maximum"]:
        return bool(rule["maximum"] // seconds >= slowest and fps > slowest)
    return bool(frames >= rule["minimum"])


@pytest.mark.django_db
@pytest.mark.usefixtures("wan")
@pytest.mark.parametrize("is_fetched", [True, False])
def test_urls_of_images_are_described_where_they_are_fetched(
    is_fetched: bool, alice: Person, client: Client, settings: Any
) -> None:
    settings.IMAGE_URL_FETCH_ENABLED = is_fetched
    described = client.get(f"/v1/models/{WAN}", headers=alice.headers).json()
    assert ("image_url" in described["input_schema"]["properties"]) is is_fetched
