"""Batches of Alice's: one small picture, many prompts."""

import base64
import io
import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from jobs.batches.models import Batch
from jobs.models import Job
from jobs.queue.claim import claim_job
from jobs.queue.finish import AttemptResult, complete_job
from jobs.storage.files import attempt_key
from tests.jobs.conftest import Api, png

Sent = Callable[..., Any]


def wanted(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A request over the shared picture `photo`."""
    base = {
        "custom_id": f"shot-{number}",
        "image_name": "photo",
        "prompt": f"the camera pans left, take {number}",
        "resolution": "256p",
        "num_frames": 8,
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not ...}


def lines(requests: Iterable[Any]) -> bytes:
    """JSON Lines; what is bytes already is a line as it stands."""
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in requests) + b"\n"


def form(api: Api, body: bytes, *, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    """Sends a form of a file of JSON Lines and the picture."""
    parts = {"requests": io.BytesIO(body), "photo": io.BytesIO(png()), **fields}
    return api.client.post("/v1/batches", parts, headers={**api.headers, **(headers or {})})


def whole(send_again: Callable[[], Any]) -> Any:
    """The answer once all requests are taken: on a busy machine one call has not the time for many."""
    while True:
        answer = send_again()
        assert answer.status_code == 202, answer.content
        if not answer.json()["counts"]["pending"]:
            return answer


@pytest.fixture
def send(as_alice: Api) -> Sent:
    """A batch as JSON; the answer."""

    def make(*requests: Any, headers: dict[str, str] | None = None, **options: Any) -> Any:
        photo = base64.b64encode(png()).decode()
        body = {"images": {"photo": photo}, "requests": list(requests), **options}
        return as_alice.post("/v1/batches", body, **(headers or {}))

    return make


def batch_of(answer: Any) -> Batch:
    assert answer.status_code == 202, answer.content
    return Batch.objects.get(pk=answer.json()["id"].removeprefix("batch_"))


def make_one(film: bytes = b"film") -> Job:
    """Has a worker make the next video."""
    job = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0)
    assert job is not None
    key = default_storage.save(attempt_key(job.team_id, job.id, job.attempt, "video.mp4"), ContentFile(film))
    result = AttemptResult(result_key=key, poster_key="p.jpg", result_bytes=len(film), gpu_seconds=0.4)
    assert complete_job(fence=job.fence, result=result)
    job.refresh_from_db()
    return job
