"""Batches of Alice: one small image, many prompts."""

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


def wanted(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A request that uses the shared image `photo`; `...` leaves a field out."""
    base = {
        "custom_id": f"shot-{number}",
        "image_name": "photo",
        "prompt": f"the camera pans left, take {number}",
        "resolution": "256p",
        "num_frames": 8,
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not ...}


def lines(requests: Iterable[Any]) -> bytes:
    """JSON Lines; bytes are a line as they are."""
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in requests) + b"\n"


def form(api: ApiClient, body: bytes, *, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    """Sends a form with a file of JSON Lines and the image."""
    parts = {"requests": io.BytesIO(body), "photo": io.BytesIO(png()), **fields}
    return api.client.post("/v1/batches", parts, headers={**api.headers, **(headers or {})})


def whole(send_again: Callable[[], Any]) -> Any:
    """The response once all requests are accepted: on a busy machine one request has not the time for many."""
    while True:
        answer = send_again()
        assert answer.status_code == 202, answer.content
        if not answer.json()["counts"]["pending"]:
            return answer


def batch_of(answer: Any) -> Batch:
    """The batch that a response is about."""
    assert answer.status_code == 202, answer.content
    return Batch.objects.get(pk=answer.json()["id"].removeprefix("batch_"))


@pytest.fixture
def send(as_alice: ApiClient) -> Sent:
    """Sends a batch as JSON and returns the response."""

    def make(*requests: Any, headers: dict[str, str] | None = None, **options: Any) -> Any:
        photo = base64.b64encode(png()).decode()
        body = {"images": {"photo": photo}, "requests": list(requests), **options}
        return as_alice.post("/v1/batches", body, **(headers or {}))

    return make
