"""The body of a request for a video: null is a missing field, and a number out of range names the nearest ones."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs.models import Job
from jobs.videos.api.remix import RemixSerializer
from jobs.videos.serializers import LoraSerializer, VideoRequestSerializer
from tests.support.api_client import ApiClient
from tests.support.batches import Sent, video_request

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "k"}
OPTIONAL = sorted(name for name, field in VideoRequestSerializer().fields.items() if not field.required)


def test_null_is_a_missing_field_also_in_repeats(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    nulls = dict.fromkeys(OPTIONAL)
    first = as_alice.post("/v1/videos", {**nulls, **body()}, **KEY)
    assert first.status_code == 202, first.content
    assert as_alice.post("/v1/videos", body(), **KEY).json()["id"] == first.json()["id"]
    for path in ("/v1/videos/quote", "/v1/generate"):
        assert as_alice.post(path, body(fps=None, size=None), Prefer="wait=0").status_code in {200, 202}
    remixed = as_alice.post(f"/v1/videos/{first.json()['id']}/remix", dict.fromkeys(RemixSerializer().fields))
    assert (remixed.status_code, remixed.json()["prompt"]) == (202, first.json()["prompt"])
    assert LoraSerializer().run_validation({"name": "a", "scale": None}) == {"name": "a", "scale": 1.0}


def test_a_batch_with_nulls_is_the_same_batch(send: Sent) -> None:
    first = send(video_request(1, fps=None, metadata=None), headers=KEY)
    assert first.json()["counts"]["queued"] == 1
    assert send(video_request(1), headers=KEY).json()["id"] == first.json()["id"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": None}, "prompt: This field may not be null."),
        ({"image_base64": None}, "image_base64: camera needs an image"),
        ({"framez": None}, "framez: There is no such field"),
    ],
)
def test_what_is_required_or_unknown_must_not_be_null(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], changes: dict[str, Any], message: str
) -> None:
    response = as_alice.post("/v1/videos", body(**changes))
    assert (response.status_code, message in response.json()["error"]["message"]) == (422, True)
    assert not Job.objects.exists()


@pytest.mark.usefixtures("i2vgen_xl")
@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("num_frames", 10_000, [32]),
        ("num_frames", -1, [8]),
        ("num_frames", 10**39, [32]),
        ("fps", 1000, [24]),
        ("steps", 201, [100]),
        ("num_inference_steps", 1000, [100]),
        ("guidance_scale", 1e300, [20.0]),
        ("guidance_scale", -5, [1.0]),
        ("size", "999999x999999", ["1024x1024"]),
        ("seconds", "1000", ["8"]),
    ],
)
def test_a_value_beyond_every_model_has_nearest_ones(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], field: str, value: Any, nearest: list[Any]
) -> None:
    others: dict[str, Any] = {"size": {"resolution": ...}, "seconds": {"num_frames": ...}}.get(field, {})
    response = as_alice.post("/v1/videos", body(**{field: value}, **others))
    [detail] = response.json()["error"]["details"]
    assert (response.status_code, detail["loc"], detail["nearest"]) == (422, [field], nearest)
    # The rate is out of range, too: each field has its own error.
    if field == "seconds":
        details = as_alice.post("/v1/videos", body(seconds="2", num_frames=..., fps=10**39)).json()["error"]["details"]
        assert [each["loc"] for each in details] == [["fps"]]
