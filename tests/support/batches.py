"""Batches of Alice's team: one small image, many prompts."""

import base64
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from jobs.batches.models import Batch
from tests.support.api_client import ApiClient
from tests.support.images import png

Sent = Callable[..., Any]


def video_request(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a request that uses the shared image `photo`; `...` omits a field."""
    base = {
        "custom_id": f"shot-{number}",
        "image_name": "photo",
        "prompt": f"the camera pans left, take {number}",
        "resolution": "256p",
        "num_frames": 8,
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not ...}


def json_lines(requests: Iterable[Any]) -> bytes:
    """Return JSON Lines; a value of type bytes is a complete line."""
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in requests) + b"\n"


def send_form(api: ApiClient, body: bytes, *, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    """Send a form with a file of JSON Lines and the image."""
    parts = {"requests": io.BytesIO(body), "photo": io.BytesIO(png()), **fields}
    return api.client.post("/v1/batches", parts, headers={**api.headers, **(headers or {})})


def send_until_accepted(send_again: Callable[[], Any]) -> Any:
    """Return the response when no request is pending: on a slow machine the time limit may stop the intake."""
    while True:
        response = send_again()
        assert response.status_code == 202, response.content
        if not response.json()["counts"]["pending"]:
            return response


def batch_of(response: Any) -> Batch:
    """Return the batch of a response."""
    assert response.status_code == 202, response.content
    return Batch.objects.get(pk=response.json()["id"].removeprefix("batch_"))


@pytest.fixture
def send(as_alice: ApiClient) -> Sent:
    """Return a function that sends a batch as JSON and returns the response."""

    def make(*requests: Any, headers: dict[str, str] | None = None, **options: Any) -> Any:
        photo = base64.b64encode(png()).decode()
        body = {"images": {"photo": photo}, "requests": list(requests), **options}
        return as_alice.post("/v1/batches", body, **(headers or {}))

    return make
