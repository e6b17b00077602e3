"""Replicate's own SDK against /replicate: only base URL and token are changed."""

import asyncio
import io
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.helpers import FileOutput, base64_encode_file
from replicate.pagination import paginate
from replicate.webhook import Webhooks

from accounts.keys.services import create_api_key
from accounts.models import ApiKey
from accounts.quota.models import Wallet
from accounts.roles import Scope
from common.errors import LimitExceeded
from jobs.compat import uploads
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.queue.claim import claim_job
from jobs.queue.finish import confirm_cancel
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.outbox import dispatch_outbox
from tests.support.images import CAT
from tests.support.people import Person
from tests.support.webhook_receiver import Receiver, running_receiver
from tests.support.workers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "mutoscope/camera"


def small(**changes: Any) -> dict[str, Any]:
    """Return the inputs of a small video, with the image as the SDK encodes it in JSON."""
    with CAT.open("rb") as file:
        image = base64_encode_file(file)
    return {"image": image, "prompt": "the camera pans left", "size": "256x256", "num_frames": 8} | changes


@contextmanager
def sdk(portal: str, key: str, **options: Any) -> Iterator[Client]:
    """Yield a client. The SDK cannot close its connections, so it gets a transport that is closed here."""
    with httpx.HTTPTransport() as transport:
        yield Client(api_token=key, base_url=f"{portal}/replicate", transport=transport, **options)


@pytest.fixture
def client(plain_portal: str, alice: Person) -> Iterator[Client]:
    with sdk(plain_portal, alice.key) as made:
        yield made


@pytest.fixture
def receiver(settings: Any) -> Any:
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = True
    with running_receiver() as receiver:
        yield receiver


def deliver() -> None:
    dispatch_outbox()
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()


def test_run_uploads_the_image_waits_and_returns_the_video(
    secure_portal: str, alice: Person, trusted: None, camera: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_BASE_URL", f"{secure_portal}/replicate")
    monkeypatch.setenv("REPLICATE_API_TOKEN", alice.key)
    with httpx.HTTPTransport() as transport, CAT.open("rb") as file:
        video = Client(transport=transport).run(MODEL, input=small(image=file))
        assert isinstance(video, FileOutput)
        assert video.read()[4:8] == b"ftyp"
        assert b"".join(video)[4:8] == b"ftyp"


def test_run_asynchronously(secure_portal: str, alice: Person, trusted: None, camera: Any) -> None:
    key = alice.key  # created by the first use, which must not be in a coroutine

    async def use() -> tuple[FileOutput, bytes, Any]:
        async with httpx.AsyncHTTPTransport() as transport:
            client = Client(api_token=key, base_url=f"{secure_portal}/replicate", transport=transport)
            video: Any = await client.async_run(MODEL, input=small(image=CAT))
            return video, await video.aread(), await client.predictions.async_list()

    video, content, page = asyncio.run(use())
    assert (content[4:8], len(page)) == (b"ftyp", 1)
    assert video.url.startswith(secure_portal)


def test_a_prediction_is_waited_for(client: Client, camera: Any) -> None:
    prediction = client.predictions.create(version="camera", input=small(), file_encoding_strategy="base64")
    assert (prediction.status, prediction.model, prediction.version) == ("starting", MODEL, "camera")
    prediction.wait()
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert prediction.progress is not None
    assert prediction.progress.percentage == 1.0
    assert prediction.metrics is not None
    assert prediction.metrics["predict_time"] > 0
    assert prediction.input is not None
    assert prediction.input["num_frames"] == 8
    assert prediction.created_at is not None
    assert prediction.started_at is not None
    assert prediction.completed_at is not None
    assert prediction.created_at <= prediction.started_at <= prediction.completed_at
    # The URL alone opens the video, without token or cookie.
    assert httpx.get(str(prediction.output), timeout=60).content[4:8] == b"ftyp"


def test_a_wait_that_times_out_reports_the_status_that_run_expects(client: Client) -> None:
    """Also after a worker has started: `run` would treat any other status as finished, and return nothing."""
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(client.models.predictions.create, MODEL, input=small(), wait=5)
        job = wait_until(lambda: claim_job(pool="cpu", worker_id=uuid4(), models=["camera"], vram_mb=0))
        prediction = waiting.result()
    assert prediction.status == "starting"
    assert client.predictions.get(prediction.id).status == "processing"
    assert confirm_cancel(fence=job.fence)


def test_an_image_by_url(client: Client, tmp_path: Path) -> None:
    """This portal's operator has enabled it."""
    shutil.copy(CAT, tmp_path)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        base_url = f"http://127.0.0.1:{server.server_port}"
        assert client.predictions.create(model=MODEL, input=small(image=f"{base_url}/cat.jpg")).status == "starting"
        with pytest.raises(ReplicateError, match="image: This URL returned status 404"):
            client.predictions.create(model=MODEL, input=small(image=f"{base_url}/dog.jpg"))
        server.shutdown()


def test_lists_are_paged_by_cursor(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [client.predictions.create(model=MODEL, input=small()).id for _ in range(3)]
    [page] = paginate(client.predictions.list)
    assert [prediction.id for prediction in page] == made[::-1]
    Job.objects.filter(pk=made[0].removeprefix("vid_")).update(prompt="the first")
    for_more = client.predictions.list(f"/v1/predictions?cursor={made[1]}")
    assert ([prediction.input["prompt"] for prediction in for_more], for_more.next) == (["the first"], None)


def test_cancel(client: Client) -> None:
    prediction = client.predictions.create(model=MODEL, input=small())
    prediction.cancel()
    assert prediction.status == "canceled"
    prediction.wait()
    assert client.predictions.get(prediction.id).status == "canceled"
    assert client.predictions.cancel(prediction.id).status == "canceled"  # canceling twice is allowed


def test_a_failure_is_an_error_of_the_sdk(client: Client) -> None:
    prediction = client.predictions.create(model=MODEL, input=small())
    job = Job.objects.get()
    Job.objects.update(state="expired", finished_at=job.created_at)
    prediction.wait()
    assert (prediction.status, "deadline" in (prediction.error or "")) == ("failed", True)
    with pytest.raises(ModelError, match="deadline"):
        list(prediction.output_iterator())


def test_models_and_their_versions(client: Client) -> None:
    [model] = client.models.list()
    assert (model.id, client.models.get(MODEL)) == (MODEL, model)
    assert model.versions.list()[0] == model.versions.get("camera") == model.latest_version
    with pytest.raises(ReplicateError) as refused:
        model.versions.get("5821a338")
    assert refused.value.status == 404


def test_aliases_of_a_model(client: Client) -> None:
    for reference in ("someone/photo-to-video", "whoever/camera"):
        assert client.predictions.create(model=reference, input=small()).model == MODEL
    with pytest.raises(ReplicateError) as refused:
        client.predictions.create(model="stability-ai/svd", input=small())
    assert refused.value.status == 404
    assert all(name in (refused.value.detail or "") for name in ("'svd'", "camera"))


def test_aliases_of_inputs(client: Client) -> None:
    with CAT.open("rb") as file:
        given = {"input_image": base64_encode_file(file), "prompt": "pan", "max_frames": 9, "frames_per_second": 6}
    prediction = client.predictions.create(model=MODEL, input=given | {"seed": 4, "aspect_ratio": None})
    expected = {"num_frames": 9, "fps": 6, "seed": 4}
    assert prediction.input is not None
    assert {name: prediction.input[name] for name in expected} == expected


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": (small(motion_bucket_id=127), "motion_bucket_id: There is no such field"),
    "range, by the name that was sent": (small(num_frames=None, max_frames=99), "max_frames: "),
    "no image": (small(image=None), "image: camera needs an image"),
    "not of this model": (small(num_inference_steps=20), "num_inference_steps: camera has no steps"),
    "no last image of this model": (small(tail_image_url="data:,"), "tail_image_url: camera takes no last image"),
    "two images": (small(input_image="data:image/png;base64,AA=="), "Send image or input_image, not both"),
    "no base64": (small(image="data:image/png;base64,*"), "image: This is not valid base64"),
    "no image in it": (small(image=None, input_image="data:image/png;base64,AAAA"), "input_image: "),
    "a number": (small(image=7), "image: Send the image as a data URI"),
    "not an input": (small(webhook_url="http://example.com"), "webhook_url: There is no such input"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_wrong_inputs_are_refused_by_name(client: Client, case: str) -> None:
    given, words = REFUSALS[case]
    with pytest.raises(ReplicateError) as refused:
        client.predictions.create(model=MODEL, input=given)
    assert refused.value.status in {415, 422}
    assert words in (refused.value.detail or "")
    assert not Job.objects.exists()


def test_a_wrong_token_and_no_credits(client: Client, plain_portal: str, alice: Person) -> None:
    with sdk(plain_portal, "mts_wrong") as stranger, pytest.raises(ReplicateError) as unknown:
        stranger.predictions.list()
    assert (unknown.value.status, unknown.value.title) == (401, "Authentication error")
    Wallet.objects.filter(team=alice.team).update(balance=0)
    with pytest.raises(ReplicateError) as poor:
        client.predictions.create(model=MODEL, input=small())
    assert (poor.value.status, "credits" in (poor.value.detail or "")) == (429, True)


def test_a_replayed_create_makes_one_prediction(plain_portal: str, alice: Person) -> None:
    with sdk(plain_portal, alice.key, headers={"Authorization": f"Bearer {alice.key}", "Idempotency-Key": "1"}) as one:
        first, second = (one.predictions.create(model=MODEL, input=small()) for _ in range(2))
        assert first.id == second.id
        with pytest.raises(ReplicateError, match="another body"):
            one.predictions.create(model=MODEL, input=small(seed=3))


def test_the_rate_limit_applies(client: Client, alice: Person) -> None:
    ApiKey.objects.filter(team=alice.team).update(requests_per_minute=1)
    client.predictions.list()
    with pytest.raises(ReplicateError, match="the limit is 1 in 60 s") as refused:
        client.predictions.create(model=MODEL, input=small())
    assert refused.value.status == 429


def test_a_key_without_the_scope(plain_portal: str, alice: Person) -> None:
    _, reader = create_api_key(team=alice.team, creator=alice.user, name="reads", scopes=[Scope.VIDEOS_READ])
    with sdk(plain_portal, reader) as limited:
        assert len(limited.predictions.list()) == 0
        for call in (
            lambda: limited.predictions.create(model=MODEL, input=small()),
            lambda: limited.files.create(CAT),
            limited.webhooks.default.secret,
        ):
            with pytest.raises(ReplicateError) as refused:
                call()
            assert refused.value.status == 403


@pytest.mark.parametrize("scheme", ["Bearer", "Token"])
def test_both_schemes_of_the_token(plain_portal: str, alice: Person, scheme: str) -> None:
    with sdk(plain_portal, "", headers={"Authorization": f"{scheme} {alice.key}"}) as client:
        assert len(client.predictions.list()) == 0
    # Only below /replicate.
    token = {"Authorization": f"Token {alice.key}"}
    response = httpx.get(f"{plain_portal}/v1/videos", headers=token, timeout=60)
    assert response.status_code == 401


def test_files(client: Client) -> None:
    made = client.files.create(CAT, metadata={"of": "the cat"})
    assert (made.name, made.content_type, made.size) == ("cat.jpg", "image/jpeg", CAT.stat().st_size)
    assert made.metadata == {"of": "the cat"}
    assert client.files.get(made.id) == made == client.files.list()[0]
    assert client.predictions.create(model=MODEL, input=small(image=made.urls["get"])).status == "starting"
    assert client.files.delete(made.id)
    with pytest.raises(ReplicateError, match="No file with the id"):
        client.predictions.create(model=MODEL, input=small(image=made.urls["get"]))


def test_files_are_deleted_after_an_hour(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = client.files.create(io.BytesIO(b"not for long"))
    assert uploads.sweep_uploads() == 0
    monkeypatch.setattr(uploads, "UPLOAD_RETENTION", timedelta(0))
    assert uploads.sweep_uploads() >= 1  # also those of other tests
    with pytest.raises(ReplicateError):
        client.files.get(made.id)


def test_the_size_of_files_is_limited(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    store = uploads.UploadStore(alice.team, "")
    monkeypatch.setattr(uploads, "MAX_BYTES_PER_TEAM", 10)
    store.put(b"seven b", name="a", content_type="", metadata={})
    with pytest.raises(LimitExceeded):
        store.put(b"four", name="b", content_type="", metadata={})
    store.put(b"two", name="b", content_type="", metadata={})


def test_the_sdk_verifies_the_webhook(client: Client, receiver: Receiver) -> None:
    prediction = client.predictions.create(
        model=MODEL, input=small(), webhook=f"{receiver.url}/hook", webhook_events_filter=["completed"]
    )
    cancel_job(job=Job.objects.get())
    deliver()
    [received] = receiver.requests
    secret = client.webhooks.default.secret()
    Webhooks.validate(headers=received.headers, body=received.body.decode(), secret=secret, tolerance=300)
    event = json.loads(received.body)
    assert (received.path, event["id"], event["status"]) == ("/hook", prediction.id, "canceled")


@pytest.mark.parametrize(
    ("filters", "statuses"),
    [(None, ["processing", "canceled"]), (["start"], ["processing"]), (["completed"], ["canceled"])],
)
def test_the_webhook_receives_the_filtered_events(
    client: Client, receiver: Receiver, filters: list[str] | None, statuses: list[str]
) -> None:
    options: dict[str, Any] = {} if filters is None else {"webhook_events_filter": filters}
    client.predictions.create(model=MODEL, input=small(), webhook=receiver.url, **options)
    job = claim_job(pool="cpu", worker_id=uuid4(), models=["camera"], vram_mb=0)
    deliver()
    assert job is not None
    assert confirm_cancel(fence=job.fence)
    deliver()
    sent_statuses = [json.loads(received.body)["status"] for received in receiver.requests]
    assert sent_statuses == statuses


def test_rows_of_another_team_do_not_exist(client: Client, plain_portal: str, charlie: Person) -> None:
    prediction = client.predictions.create(model=MODEL, input=small())
    file = client.files.create(CAT)
    with sdk(plain_portal, charlie.key) as other:
        _assert_not_found(other, prediction.id, file)
    assert client.files.get(file.id).size == CAT.stat().st_size


def _assert_not_found(other: Client, prediction_id: str, file: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: other.predictions.get(prediction_id),
        lambda: other.predictions.cancel(prediction_id),
        lambda: other.files.get(file.id),
        lambda: other.files.delete(file.id),
        lambda: other.predictions.create(model=MODEL, input=small(image=file.urls["get"])),
    ]
    for call in calls:
        with pytest.raises(ReplicateError) as refused:
            call()
        assert refused.value.status == 404
    assert (len(other.predictions.list()), other.files.list()) == (0, [])


def test_other_urls_do_not_exist(client: Client) -> None:
    with pytest.raises(ReplicateError) as refused:
        client.collections.list()
    assert (refused.value.status, refused.value.detail) == (404, "There is nothing at this URL. Check the path.")
