"""fal's own client against /fal: only its hosts and key are changed."""

import asyncio
import base64
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from accounts.quota.models import Wallet
from jobs.models import Job, Priority
from jobs.queue.cancel import cancel_job
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.outbox import dispatch_outbox, per_job_endpoint
from tests.support.images import CAT
from tests.support.people import Person
from tests.support.webhook_receiver import running_receiver

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "mutoscope/camera"


@pytest.fixture
def fal(secure_portal: str, alice: Person, trusted: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The SDK's module, imported with these variables: it reads them once, on import."""
    host = secure_portal.removeprefix("https://")
    monkeypatch.setenv("FAL_RUN_HOST", f"{host}/fal")
    monkeypatch.setenv("FAL_QUEUE_RUN_HOST", f"{host}/fal/queue")
    monkeypatch.setenv("FAL_KEY", alice.key)
    _forget()
    yield importlib.import_module("fal_client")
    _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "fal_client"]:
        del sys.modules[name]


@pytest.fixture
def client(fal: Any) -> Iterator[Any]:
    made = fal.SyncClient()
    yield made
    made._client.close()  # it has no public method for this


def small(fal: Any, **changes: Any) -> dict[str, Any]:
    image = fal.encode_file(CAT)
    return {"image_url": image, "prompt": "the camera pans left", "size": "256x256", "num_frames": 8} | changes


def deliver() -> None:
    dispatch_outbox()
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()


def test_subscribe_reports_progress_and_returns_the_video(fal: Any, client: Any, camera: Any) -> None:
    seen: list[Any] = []
    result = client.subscribe(MODEL, small(fal), with_logs=True, on_queue_update=seen.append)
    assert all(isinstance(status, fal.Queued | fal.InProgress) for status in seen[:-1])
    assert (type(seen[-1]), seen[-1].error) == (fal.Completed, None)
    assert seen[-1].metrics["inference_time"] > 0
    assert "100%" in seen[-1].logs[-1]["message"]
    video = result["video"]
    assert (video["content_type"], video["num_frames"], video["width"]) == ("video/mp4", 8, 256)
    content = httpx.get(video["url"], timeout=60).content  # without any key
    assert (content[4:8], len(content)) == (b"ftyp", video["file_size"])


def test_run_waits_for_the_video(fal: Any, client: Any, camera: Any) -> None:
    result = client.run(MODEL, small(fal, seed=11))
    assert result["seed"] == 11
    assert httpx.get(result["video"]["url"], timeout=60).content[4:8] == b"ftyp"


def test_asynchronously(fal: Any, camera: Any) -> None:
    async def use() -> tuple[Any, Any]:
        client = fal.AsyncClient()
        handle = await client.submit(MODEL, small(fal))
        result = await handle.get()
        status = await client.status(MODEL, handle.request_id)
        await (await client._client).aclose()
        return result, status

    result, status = asyncio.run(use())
    assert httpx.get(result["video"]["url"], timeout=60).content[4:8] == b"ftyp"
    assert isinstance(status, fal.Completed)


def test_submit_status_cancel(fal: Any, client: Any) -> None:
    first, second = client.submit(MODEL, small(fal)), client.submit(MODEL, small(fal))
    assert [handle.status() for handle in (first, second)] == [fal.Queued(position=0), fal.Queued(position=1)]
    assert client.get_handle(MODEL, first.request_id).status() == fal.Queued(position=0)
    client.cancel(MODEL, first.request_id)
    finished = first.status(with_logs=True)
    assert (type(finished), finished.error_type, finished.logs) == (fal.Completed, "canceled", [])
    with pytest.raises(fal.FalClientHTTPError, match="canceled") as refused:
        first.get()
    assert (refused.value.status_code, refused.value.error_type) == (422, "canceled")
    with pytest.raises(fal.FalClientHTTPError, match="is finished") as late:
        first.cancel()
    assert late.value.status_code == 400


def test_priority_and_start_timeout_are_used(fal: Any, client: Any) -> None:
    client.submit(MODEL, small(fal), priority="low", start_timeout=90.5)
    job = Job.objects.get()
    assert job.priority == Priority.LOW
    assert job.deadline_at is not None
    assert round((job.deadline_at - job.created_at).total_seconds()) in range(85, 97)


def test_a_deadline_that_passes_ends_the_wait(fal: Any, client: Any) -> None:
    handle = client.submit(MODEL, small(fal))
    Job.objects.update(state="expired", finished_at=Job.objects.get().created_at)
    with pytest.raises(fal.FalClientHTTPError, match="deadline"):
        handle.get()


def test_a_client_that_times_out_cancels(fal: Any, client: Any) -> None:
    with pytest.raises(fal.FalClientTimeoutError) as late:
        client.subscribe(MODEL, small(fal), client_timeout=3)
    assert late.value.request_id == Job.objects.get().public_id
    assert Job.objects.get().state == "canceled"


def test_inputs_and_models_have_aliases(fal: Any, client: Any) -> None:
    given = small(fal, num_frames=None, max_frames=9, frames_per_second=6)
    for application in ("whoever/camera", "fal-ai/videos/image-to-video", "fal-ai/mutoscope/camera", "camera"):
        handle = client.submit(application, given)
        assert handle.status() == fal.Queued(position=Job.objects.count() - 1)
    job = Job.objects.first()
    assert job is not None
    assert (job.model, job.num_frames, job.fps) == ("camera", 9, 6)


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"motion_bucket_id": 127}, 422, "motion_bucket_id: There is no such field"),
        ({"image_url": "data:image/png;base64,AAAA"}, 415, "image_url: "),
        ({"image_url": None}, 422, "image: camera needs an image"),
        ({"num_inference_steps": 20}, 422, "num_inference_steps: camera has no steps"),
        # This portal's operator has not enabled it.
        ({"image_url": "https://example.com/cat.jpg"}, 422, "image_url: URLs of images are disabled on this site"),
        ({"frames_per_second": 900}, 422, "frames_per_second: "),
    ],
)
def test_wrong_inputs_are_refused_by_name(
    fal: Any, client: Any, changes: dict[str, Any], status: int, words: str
) -> None:
    with pytest.raises(fal.FalClientHTTPError) as refused:
        client.submit(MODEL, small(fal, **changes))
    body = refused.value.response.json()
    assert (refused.value.status_code, words in body["message"]) == (status, True), body
    if status == 422:  # in FastAPI's shape
        [detail] = body["detail"]
        assert words.startswith(f"{detail['loc'][1]}: ")
        assert (detail["loc"][0], set(detail) - {"nearest"}) == ("body", {"loc", "msg", "type"})
    assert not Job.objects.exists()


def test_errors_are_those_of_the_sdk(fal: Any, client: Any, alice: Person) -> None:
    stranger = fal.SyncClient(key="mts_wrong")
    with pytest.raises(fal.FalClientHTTPError) as unknown:
        stranger.submit(MODEL, small(fal))
    stranger._client.close()
    with pytest.raises(fal.FalClientHTTPError, match=r"'svd'.*camera") as absent:
        client.submit("fal-ai/svd", small(fal))
    Wallet.objects.filter(team=alice.team).update(balance=0)
    # Not 429, which the SDK retries ten times.
    with pytest.raises(fal.FalClientHTTPError, match="credits") as poor:
        client.submit(MODEL, small(fal))
    assert all(error.value.response_headers["x-fal-request-id"] for error in (unknown, absent, poor))
    kinds = [(error.value.status_code, error.value.error_type) for error in (unknown, absent, poor)]
    assert kinds == [(401, "invalid_key"), (404, "model_not_found"), (403, "quota_exceeded")]


def run_with_timeout(live: Any, who: Person, **changes: Any) -> httpx.Response:
    body = {"image_url": fal_image(), "prompt": "the camera pans left", "size": "256x256"} | changes
    headers = {"Authorization": f"Key {who.key}"}
    return httpx.post(f"{live.url}/fal/{MODEL}", json=body, headers=headers, timeout=60)


def fal_image() -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(CAT.read_bytes()).decode()}"


def test_a_repeat_of_run_joins_the_running_job(live_process: Any, alice: Person) -> None:
    live = live_process(GENERATE_TIMEOUT_SECONDS=1)
    first, repeat = run_with_timeout(live, alice), run_with_timeout(live, alice)
    assert [response.status_code for response in (first, repeat)] == [504, 504]
    assert first.headers["X-Fal-Request-Timeout-Type"] == "user"
    request_id = first.headers["X-Fal-Request-Id"]
    assert repeat.headers["X-Fal-Request-Id"] == request_id == Job.objects.get().public_id
    assert run_with_timeout(live, alice, seed=1).headers["X-Fal-Request-Id"] != request_id
    # A finished request does not stand for a new one.
    cancel_job(job=Job.objects.get(seed__gt=1))
    assert run_with_timeout(live, alice).headers["X-Fal-Request-Id"] != request_id
    assert Job.objects.count() == 3


def test_the_key_scheme_is_only_accepted_below_fal(secure_portal: str, alice: Person, trusted: None) -> None:
    for path in ("v1/videos", "replicate/v1/predictions"):
        key = {"Authorization": f"Key {alice.key}"}
        assert httpx.get(f"{secure_portal}/{path}", headers=key, timeout=60).status_code == 401


def test_rows_of_another_team_do_not_exist(fal: Any, client: Any, charlie: Person) -> None:
    request_id = client.submit(MODEL, small(fal)).request_id
    other = fal.SyncClient(key=charlie.key)
    for call in (other.status, other.result, other.cancel):
        with pytest.raises(fal.FalClientHTTPError) as refused:
            call(MODEL, request_id)
        assert refused.value.status_code == 404
    other._client.close()
    assert Job.objects.get().state == "queued"


def test_the_webhook_receives_the_completion(fal: Any, client: Any, alice: Person, settings: Any) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = True
    with running_receiver() as receiver:
        handle = client.submit(MODEL, small(fal), webhook_url=f"{receiver.url}/hook?by=fal")
        cancel_job(job=Job.objects.get())
        deliver()
    [received] = receiver.requests
    received.verified(per_job_endpoint(team_id=alice.team.pk).secret)
    event = json.loads(received.body)
    assert (received.path, event["request_id"], event["status"]) == ("/hook?by=fal", handle.request_id, "ERROR")
    assert "canceled" in event["error"]
