"""Requests that no SDK sends: hostile bodies get an error message in the format that the SDKs read."""

import json
from base64 import b64encode
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from common.redis_client import redis_client
from jobs.models import Job
from tests.jobs.compat.test_replicate import small
from tests.support.images import png
from tests.support.people import Person

pytestmark = pytest.mark.django_db

PREDICTIONS, FILES, QUEUE = "/replicate/v1/predictions", "/replicate/v1/files", "/fal/queue/mutoscope/camera"


@pytest.fixture
def ask(alice: Person) -> Any:
    """Send a request with Alice's key, check that the body is a readable problem, and return the status."""
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {alice.key}"})

    def call(method: str, url: str, body: Any = None, kind: str = "application/json", **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        redis_client().flushdb()
        response = client.generic(method, url, raw, kind, headers=headers)
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["detail"]
        assert problem["error_type"]
        return response.status_code

    return call


@pytest.mark.parametrize("url", [PREDICTIONS, QUEUE, "/fal/mutoscope/camera"])
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"{", 400), (b'{"a": NaN}', 400), (b"\xff\xfe", 400), (b"[" * 100_000, 400), (b'"text"', 400)],
)
def test_bodies_that_cannot_be_parsed(ask: Any, url: str, body: bytes, status: int) -> None:
    assert ask("POST", url, body) == status


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a\0b"},
        {"prompt": "\ud800"},
        {"\ud800": 1},
        {"\0": 1},
        {"image": "data:image/png;base64,\ud800"},
        {"image": ["https://example.com/a.png"]},
        {"image": "https://[" + "9" * 5000},
        {"image": "http://testserver/replicate/v1/files/file_" + "0" * 32},
        {"image": "http://testserver/replicate/v1/files/../../x"},
        {"seed": 10**39},
        {"seed": -1},
        {"fps": True},
        {"guidance_scale": 1e999},
        {"metadata": {"a": {"b": 1}}},
        {"input": {"input": {}}},
    ],
    ids=repr,
)
def test_invalid_inputs(ask: Any, changes: dict[str, Any]) -> None:
    given = small(**changes)
    raw = json.dumps(given).replace("Infinity", "1e999").encode()
    assert ask("POST", QUEUE, raw) in {404, 410, 422}
    assert ask("POST", PREDICTIONS, b'{"version": "camera", "input": %s}' % raw) in {404, 410, 422}


@pytest.mark.parametrize("given", [None, [], "text", 7, {}], ids=repr)
def test_an_input_must_be_an_object(ask: Any, given: Any) -> None:
    assert ask("POST", PREDICTIONS, {"version": "camera", "input": given}) == 422


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", f"{PREDICTIONS}?cursor=vid_x", 404),
        ("GET", f"{PREDICTIONS}?cursor=%00", 422),
        ("GET", f"{PREDICTIONS}?page=2", 422),
        ("GET", f"{PREDICTIONS}/vid_%00", 404),
        ("GET", f"{PREDICTIONS}/{'x' * 3000}", 404),
        ("DELETE", PREDICTIONS, 405),
        ("GET", "/replicate/v1/models/a/%00", 404),
        ("GET", "/replicate/v1/models/mutoscope/camera/versions/9", 404),
        ("GET", f"{FILES}/file_{'z' * 32}", 404),
        ("GET", "/replicate/v1/nothing", 404),
        ("GET", "/replicate/nothing", 404),
        ("GET", QUEUE, 405),
        ("GET", f"{QUEUE}/requests/vid_1", 404),
        ("PUT", f"{QUEUE}/requests/vid_1/cancel", 404),
        ("POST", f"{QUEUE}?fal_webhook=file:///etc/passwd", 422),
        ("POST", "/fal/mutoscope/camera/stream", 404),
    ],
)
def test_invalid_urls(ask: Any, method: str, url: str, status: int) -> None:
    assert ask(method, url, {}) == status


def test_a_request_that_times_out_names_its_id(alice: Person, settings: Any) -> None:
    settings.GENERATE_TIMEOUT_SECONDS = 0
    client = Client(headers={"Authorization": f"Key {alice.key}"})
    response = client.post("/fal/mutoscope/camera", small(), content_type="application/json")
    assert (response.status_code, response.json()["request_id"]) == (504, Job.objects.get().public_id)


def test_compatible_apis_are_not_in_our_openapi_schema(client: Client) -> None:
    described = client.get("/v1/openapi.json").json()["paths"]
    assert "/v1/videos" in described
    assert not [path for path in described if path.startswith(("/replicate", "/fal"))]


@pytest.mark.parametrize("seconds", ["soon", "nan", "inf", "-1", "1e300", "0"])
def test_invalid_deadlines(ask: Any, seconds: str) -> None:
    assert ask("POST", QUEUE, small(), **{"X-Fal-Request-Timeout": seconds}) == 422


@pytest.mark.parametrize(
    "metadata", ["{", "", '{"a": 1e999}', '{"a": "\\ud800"}', '"' + "x" * 20_000 + '"', "[" * 20_000]
)
def test_metadata_of_files(ask: Any, metadata: str) -> None:
    lines = [
        "--cut",
        'Content-Disposition: form-data; name="metadata"',
        "",
        metadata,
        "--cut",
        'Content-Disposition: form-data; name="content"; filename="a\x01\ud800.png"',
        "",
        "bytes",
        "--cut--",
        "",
    ]
    body = "\r\n".join(lines).encode("utf-8", "surrogatepass")
    assert ask("POST", FILES, body, "multipart/form-data; boundary=cut") in {400, 422}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["image", "image_url", "prompt", "seed", "fps", "duration", "size", "webhook", "metadata"])


@examples(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(inputs=st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=4), beside=st.dictionaries(NAMES, JSON))
def test_any_json_gets_a_response(ask: Any, inputs: dict[str, Any], beside: dict[str, Any]) -> None:
    assert ask("POST", QUEUE, inputs) < 500
    assert ask("POST", PREDICTIONS, {"version": "camera", **beside, "input": inputs}) < 500


@pytest.mark.parametrize("name", ["last_image", "end_image_url", "tail_image_url"])
def test_the_names_of_a_last_image(name: str, alice: Person, settings: Any) -> None:
    settings.MODELS_ENABLED = ["camera", "wan-i2v-a14b"]
    given = small(num_frames=5, **{name: f"data:image/png;base64,{b64encode(png()).decode()}"})
    client = Client(headers={"Authorization": f"Bearer {alice.key}"})
    for url, body in (
        ("/fal/queue/mutoscope/wan-i2v-a14b", given),
        (PREDICTIONS, {"version": "wan-i2v-a14b", "input": given}),
    ):
        response = client.post(url, body, content_type="application/json")
        assert response.status_code in {200, 201}, response.content
    assert all(job.last_image_key for job in Job.objects.all())
    schema = client.get("/replicate/v1/models/mutoscope/wan-i2v-a14b").json()["latest_version"]["openapi_schema"]
    assert schema["components"]["schemas"]["Input"]["required"] == ["image", "prompt"]
    assert "last_image" in schema["components"]["schemas"]["Input"]["properties"]
