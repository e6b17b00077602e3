"""The legacy endpoint, with the requests of its existing clients."""

import base64
import http.client
import io
import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import av
import httpx
import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.queue.claim import claim_job
from jobs.queue.finish import AttemptResult, complete_job
from jobs.states import State
from tests.support.api_client import ApiClient
from tests.support.images import SAMPLES
from tests.support.people import Person
from tests.support.workers import WorkerProcess, wait_until

LEGACY_BODY = {
    "image_base64": base64.b64encode((SAMPLES / "cat.jpg").read_bytes()).decode(),
    "prompt": "the camera zooms in slowly",
    "resolution": "512p",
    "num_frames": 16,
    "fps": 8,
    "steps": 50,
    "guidance_scale": 9.0,
    "output_format": "mp4",
}


@pytest.mark.process
def test_an_existing_client_works_with_an_added_key(
    live_server: LiveServer, alice: Person, start_worker: Callable[..., WorkerProcess], settings: Settings
) -> None:
    # A model with the fields and ranges of I2VGen-XL, for which such clients were written.
    settings.MODELS_ENABLED, settings.DEFAULT_MODEL = ["scripted"], "scripted"
    start_worker("--model", "scripted")
    response = httpx.post(live_server.url + "/v1/generate", json=LEGACY_BODY, headers=alice.headers, timeout=90)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["status"] == "success"
    assert body["task_id"].startswith("vid_")
    assert body["inference_time_s"] > 0
    asked = {name: LEGACY_BODY[name] for name in ("resolution", "num_frames", "fps", "steps", "guidance_scale")}
    assert body["parameters"].items() >= asked.items()
    video = base64.b64decode(body["video_base64"])
    with av.open(io.BytesIO(video), mode="r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate) == ("h264", Fraction(8))
        assert (stream.width, stream.height) == (body["parameters"]["width"], body["parameters"]["height"])
        assert sum(1 for _ in container.decode(stream)) == 16
    assert httpx.get(body["download_url"], timeout=60).content == video  # without a key
    assert httpx.get(body["download_url"] + "x", timeout=60).status_code == 401
    settings.MAX_INLINE_VIDEO_BYTES = 10
    body = httpx.post(live_server.url + "/generate", json=LEGACY_BODY, headers=alice.headers, timeout=90).json()
    assert (body["status"], body["video_base64"]) == ("success", None)
    assert httpx.get(body["download_url"], timeout=60).status_code == 200


def test_a_slow_video_returns_the_url_of_its_status(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    response = as_alice.post("/generate", body(), Prefer="wait=1")
    assert response.status_code == 202
    assert response["Retry-After"]
    pending = response.json()
    assert pending["status"] == "pending"
    job = Job.objects.get()
    assert (pending["task_id"], job.state) == (job.public_id, State.QUEUED)
    assert pending["status_url"].endswith(f"/v1/videos/{job.public_id}")


def test_a_canceled_video_ends_the_wait(
    live_server: LiveServer, alice: Person, as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    with ThreadPoolExecutor() as pool:
        call = pool.submit(httpx.post, live_server.url + "/generate", json=body(), headers=alice.headers, timeout=60)
        job = wait_until(Job.objects.first)
        cancel_job(job=job)
        response = call.result()
    assert (response.status_code, response.json()["status"]) == (409, "failed")
    assert response.json()["task_id"] == job.public_id


def test_a_disconnected_client_cancels_nothing(
    live_server: LiveServer, alice: Person, as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    line = http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=60)
    headers = {"Content-Type": "application/json", **alice.headers}
    line.request("POST", "/generate", json.dumps(body()), headers)
    wait_until(Job.objects.first)
    line.close()
    assert Job.objects.get().state == State.QUEUED


@pytest.mark.django_db(transaction=True)
def test_errors_have_the_legacy_envelope_under_asgi() -> None:
    response = async_to_sync(AsyncClient().post)("/generate", {}, content_type="application/json")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert response.json() == {
        "task_id": None,
        "status": "failed",
        "error": "Send an API key: Authorization: Bearer mts_…",
        "code": "UNAUTHENTICATED",
    }


def test_ten_requests_per_minute_by_key_and_by_ip_address(
    as_alice: ApiClient, as_charlie: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    statuses = [as_alice.post("/v1/generate", {}).status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]
    response = as_alice.post("/generate", {})
    assert response.json()["code"] == "RATE_LIMITED"
    assert 1 <= int(response["Retry-After"]) <= 60
    # The limit of the IP address is used up, too, for every client.
    assert as_charlie.post("/generate", {}).status_code == 429
    assert as_charlie.get("/v1/models").status_code == 200


def test_a_repeated_request_creates_one_video(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    for _ in range(2):
        response = as_alice.post("/generate", body(), Prefer="wait=0", **{"Idempotency-Key": "again"})
        assert response.status_code == 202
    assert Job.objects.count() == 1


def test_a_repeated_request_for_a_deleted_video_gets_410(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    key = {"Idempotency-Key": "later"}
    as_alice.post("/generate", body(), Prefer="wait=0", **key)
    job = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0)
    assert job is not None
    result = AttemptResult(result_key="not/there.mp4", poster_key="not/there.jpg", result_bytes=1, gpu_seconds=1)
    assert complete_job(fence=job.fence, result=result)
    response = as_alice.post("/generate", body(), **key)
    assert (response.status_code, response.json()["status"]) == (410, "failed")


def test_permissions(as_nobody: ApiClient, as_bob: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    assert (as_nobody.post("/generate", body()).status_code, as_bob.post("/generate", body()).status_code) == (401, 403)
    assert as_bob.get("/generate").status_code == 405
