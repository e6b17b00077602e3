"""What no SDK sends: hostile bodies get an answer that says what is wrong, in the form that the SDKs read."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from jobs.models import Job
from jobs.queue.wakeup import redis_client
from tests.jobs.compat.test_replicate import small
from tests.support.people import Person

pytestmark = pytest.mark.django_db

PREDICTIONS, FILES, QUEUE = "/replicate/v1/predictions", "/replicate/v1/files", "/fal/queue/mutoscope/camera"


@pytest.fixture
def ask(alice: Person) -> Any:
    """A call with Alice's key; the status and the body, which has to be a problem that a person can read."""
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {alice.key}"})

    def call(method: str, address: str, body: Any = None, kind: str = "application/json", **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        redis_client().flushdb()
        answer = client.generic(method, address, raw, kind, headers=headers)
        said = answer.json()
        assert (said["status"], bool(said["detail"]), bool(said["error_type"])) == (answer.status_code, True, True)
        return answer.status_code

    return call


@pytest.mark.parametrize("address", [PREDICTIONS, QUEUE, "/fal/mutoscope/camera"])
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"{", 400), (b'{"a": NaN}', 400), (b"\xff\xfe", 400), (b"[" * 100_000, 400), (b'"text"', 400)],
)
def test_bodies_that_cannot_be_parsed(ask: Any, address: str, body: bytes, status: int) -> None:
    assert ask("POST", address, body) == status


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
def test_inputs_that_nobody_means(ask: Any, changes: dict[str, Any]) -> None:
    given = small(**changes)
    raw = json.dumps(given).replace("Infinity", "1e999").encode()
    assert ask("POST", QUEUE, raw) in {404, 410, 422}
    assert ask("POST", PREDICTIONS, b'{"version": "camera", "input": %s}' % raw) in {404, 410, 422}


@pytest.mark.parametrize("given", [None, [], "text", 7, {}], ids=repr)
def test_an_input_that_is_no_object(ask: Any, given: Any) -> None:
    assert ask("POST", PREDICTIONS, {"version": "camera", "input": given}) == 422


@pytest.mark.parametrize(
    ("method", "address", "status"),
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
def test_addresses(ask: Any, method: str, address: str, status: int) -> None:
    assert ask(method, address, {}) == status


def test_a_call_that_takes_too_long_names_the_request(alice: Person, settings: Any) -> None:
    settings.GENERATE_TIMEOUT_SECONDS = 0
    client = Client(headers={"Authorization": f"Key {alice.key}"})
    answer = client.post("/fal/mutoscope/camera", small(), content_type="application/json")
    assert (answer.status_code, answer.json()["request_id"]) == (504, Job.objects.get().public_id)


def test_they_are_not_in_our_own_description(client: Client) -> None:
    described = client.get("/v1/openapi.json").json()["paths"]
    assert "/v1/videos" in described
    assert not [path for path in described if path.startswith(("/replicate", "/fal"))]


@pytest.mark.parametrize("seconds", ["soon", "nan", "inf", "-1", "1e300", "0"])
def test_deadlines_that_are_none(ask: Any, seconds: str) -> None:
    assert ask("POST", QUEUE, small(), **{"X-Fal-Request-Timeout": seconds}) == 422


@pytest.mark.parametrize("metadata", ["{", "[]", '{"a": 1e999}', '{"a": "\\ud800"}', '{"a": {}}', "[" * 20_000])
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
def test_any_json_is_answered(ask: Any, inputs: dict[str, Any], beside: dict[str, Any]) -> None:
    assert ask("POST", QUEUE, inputs) < 500
    assert ask("POST", PREDICTIONS, {"version": "camera", **beside, "input": inputs}) < 500
