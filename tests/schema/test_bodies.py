"""Bodies of any shape: none is a failure of ours, and none leaves half a video or half a booking behind."""

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from accounts.models import User
from accounts.services import create_api_key, ensure_personal_team
from jobs.batches.models import Batch
from jobs.models import Job
from jobs.services.audit import find_money_drifts
from jobs.services.doorbell import short_redis
from jobs.webhooks.models import Endpoint

ADDRESSES = ["/v1/videos", "/v1/videos/quote", "/v1/generate", "/generate", "/v1/webhooks", "/v1/batches"]
TYPES = [
    *("application/json", "application/json; charset=utf-8", "multipart/form-data; boundary=x", "multipart/form-data"),
    *("application/x-ndjson", "application/jsonl", "text/plain", "", "image/png"),
]


def _picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


PICTURE = _picture()
WISH: dict[str, Any] = {
    "image_base64": base64.b64encode(PICTURE).decode(),
    "prompt": "x",
    "resolution": "256p",
    "num_frames": 8,
}
GOOD: dict[str, dict[str, Any]] = {
    "/v1/webhooks": {"url": "https://example.com/hook", "events": ["video.completed"]},
    "/v1/batches": {"requests": [WISH, WISH]},
}
FIELDS = [
    *("prompt", "image_base64", "image_url", "image", "fps", "seed", "seconds", "size", "metadata", "webhook_url"),
    *(
        "model",
        "steps",
        "guidance_scale",
        "priority",
        "url",
        "events",
        "items",
        "requests",
        "name",
        "a\u0000",
        "\ud800",
    ),
]

text = st.text(st.characters(exclude_categories=[]), max_size=30)
leaf = st.none() | st.booleans() | st.integers() | st.floats() | text
anything = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
changes = st.dictionaries(st.sampled_from(FIELDS), anything | st.just(WISH["image_base64"]), max_size=4)
content = st.binary(max_size=60) | st.just(PICTURE)
part = st.tuples(st.sampled_from(FIELDS).filter(str.isprintable), st.booleans(), content)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """Address, content type and body: raw bytes, JSON that is nearly good, a form of any parts."""
    address = draw(st.sampled_from(ADDRESSES))
    kind = draw(st.sampled_from(["raw", "json", "near", "form"]))
    if kind == "raw":
        return address, draw(st.sampled_from(TYPES)), draw(st.binary(max_size=200))
    if kind == "form":
        lines = [_part(*drawn) for drawn in draw(st.lists(part, max_size=5))]
        return address, TYPES[2], b"".join(lines) + draw(st.sampled_from([b"--x--\r\n", b"--x", b""]))
    body = draw(anything) if kind == "json" else {**GOOD.get(address, WISH), **draw(changes)}
    return address, draw(st.sampled_from(TYPES[:2])), json.dumps(body).encode()


def _part(name: str, is_file: bool, content: bytes) -> bytes:
    file_name = '; filename="f.png"' if is_file else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\n\r\n'
    return head.encode("utf-8", "surrogatepass") + content + b"\r\n"


@pytest.fixture
def client(db: None, settings: Any) -> Iterator[Client]:
    """A caller with a key and no limit of calls; answers that wait come at once."""
    short_redis().flushdb()
    settings.GENERATE_WAIT_SECONDS, settings.GENERATE_RATE_LIMIT = 0.01, "100000/minute"
    user = User.objects.create_user("fuzz@example.com")
    team = ensure_personal_team(user=user)
    key = create_api_key(team=team, creator=user, name="fuzz")[1]
    yield Client(raise_request_exception=False, headers={"X-API-Key": key})


def test_no_body_is_a_failure_of_ours_and_none_leaves_half_of_anything(client: Client) -> None:
    seen: set[int] = set()

    @settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(requests())
    def send(request: tuple[str, str, bytes]) -> None:
        address, content_type, body = request
        before = _standing()
        answer = client.generic("POST", address, body, content_type)
        seen.add(answer.status_code)
        assert answer.status_code < 500, (request, answer.content)
        told = answer.json()
        if answer.status_code >= 400:
            assert told.get("error"), told
            assert _standing() == before

    send()
    assert {202, 400, 415, 422} <= seen
    assert list(find_money_drifts()) == []
    for job in Job.objects.all():
        assert default_storage.exists(job.source_key)


def _standing() -> tuple[int, int, int]:
    return Job.objects.count(), Batch.objects.count(), Endpoint.objects.count()
