"""Images and videos in a real S3 server: a job from submission to download, and outages of the server."""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from inference.encoding import probe
from jobs.models import Job, Worker
from jobs.states import State
from jobs.storage.files import CHUNK_BYTES, attempt_key, read_range
from jobs.storage.signed_urls import signed_content_url
from tests.support.api_client import ApiClient
from tests.support.people import Person
from tests.support.proxies import use_dead_proxy
from tests.support.s3_server import KEYS, S3Server, StorageProxy
from tests.support.videos import VIDEO_BYTES
from tests.support.workers import DelaySwitch, WorkerProcess, refreshed, wait_for_state, wait_until

pytestmark = pytest.mark.process

LONG: dict[str, Any] = {"model": "scripted", "prompt": "delay=1", "steps": 100}
SCRIPTED = ("--model", "scripted")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("weed")
    server = S3Server(folder)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def storage_proxy(server: S3Server) -> Iterator[StorageProxy]:
    storage_proxy = StorageProxy(server.port)
    yield storage_proxy
    storage_proxy.close()


@pytest.fixture
def s3(settings: Any, storage_proxy: StorageProxy) -> Iterator[dict[str, str]]:
    """Make the bucket the storage of the site, through `line`. The value is the environment of workers for the same."""
    access_key, secret_key = KEYS.values()
    endpoint = f"http://127.0.0.1:{storage_proxy.port}"
    options = {"bucket_name": "media", "endpoint_url": endpoint, "access_key": access_key, "secret_key": secret_key}
    settings.MODELS_ENABLED = ["scripted", "camera"]
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "common.s3.S3Storage", "OPTIONS": {**options, "region_name": "us-east-1"}},
    }
    yield {
        "MEDIA_S3_BUCKET": "media",
        "MEDIA_S3_ENDPOINT": endpoint,
        "MEDIA_S3_ACCESS_KEY": access_key,
        "MEDIA_S3_SECRET_KEY": secret_key,
    }
    storage: Any = default_storage
    storage.connection.meta.client.close()


def frames_of(content: bytes, folder: Path) -> int:
    video = folder / "video.mp4"
    video.write_bytes(content)
    return probe(video).num_frames


def test_from_submit_to_content(
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    as_alice: ApiClient,
    s3: dict[str, str],
    tmp_path: Path,
) -> None:
    worker = start_worker(*SCRIPTED, **s3)
    job = wait_for_state(submit(model="scripted", prompt="fine", steps=10), State.COMPLETED, State.FAILED)
    assert job.state == State.COMPLETED, worker.log.read_text()
    path = f"/v1/videos/{job.public_id}/content"
    whole = as_alice.get(path)
    assert (whole.status_code, len(whole.content)) == (200, job.result_bytes)
    assert frames_of(whole.content, tmp_path) == job.num_frames
    part = as_alice.get(path, Range="bytes=100-199")
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert as_alice.get(path + "?variant=thumbnail").content[:2] == b"\xff\xd8"
    default_storage.delete(job.result_key)
    assert as_alice.get(path).status_code == 410


def test_no_proxy_is_used_for_a_server_on_this_machine(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    use_dead_proxy(monkeypatch)
    name = default_storage.save("proxies", ContentFile(b"content"))
    with default_storage.open(name) as file:
        assert file.read() == b"content"
    default_storage.delete(name)


def test_a_submission_during_a_storage_outage_is_refused(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], s3: dict[str, str], storage_proxy: StorageProxy
) -> None:
    storage_proxy.set_mode("busy")
    started = time.monotonic()
    response = as_alice.post("/v1/videos", body(model="scripted"))
    assert response.status_code == 503, response.content
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("fault", ["busy", "cut", "killed"])
def test_publishing_waits_for_the_storage(
    fault: Literal["busy", "cut", "killed"],
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    skip_delays: DelaySwitch,
    as_alice: ApiClient,
    s3: dict[str, str],
    server: S3Server,
    storage_proxy: StorageProxy,
    tmp_path: Path,
) -> None:
    """The server responds with 503, drops an upload, or is killed: an incomplete video is never published."""
    worker = start_worker(*SCRIPTED, **s3)
    job = submit(**LONG)
    wait_until(lambda: refreshed(job).state == State.IN_PROGRESS and job.steps_done > 0)
    if fault == "killed":
        server.kill()
    else:
        storage_proxy.set_mode(fault)
    skip_delays()
    worker.wait_for("publish_retry")
    assert wait_until(lambda: Worker.objects.filter(state=Worker.State.UNHEALTHY).first()).last_error
    job.refresh_from_db()
    assert (job.state, job.result_key) == (State.IN_PROGRESS, "")
    if fault == "killed":
        server.start()
    storage_proxy.set_mode("open")
    key = attempt_key(job, 1, "video.mp4")
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt, job.crash_count, job.result_key) == (State.COMPLETED, 1, 0, key)
    content = as_alice.get(f"/v1/videos/{job.public_id}/content").content
    assert len(content) == job.result_bytes
    assert frames_of(content, tmp_path) == job.num_frames


def test_an_object_is_stored_completely_or_not_at_all(s3: dict[str, str], storage_proxy: StorageProxy) -> None:
    storage_proxy.set_mode("cut")
    with pytest.raises(OSError, match="S3 failed"):
        default_storage.save("half", ContentFile(bytes(100_000)))
    storage_proxy.set_mode("open")
    assert not default_storage.exists("half")
    default_storage.save("half", ContentFile(b"whole"))
    assert (default_storage.size("half"), default_storage.listdir("")[1]) == (5, ["half"])
    with default_storage.open("half") as file:
        assert file.read() == b"whole"
    default_storage.delete("half")
    with pytest.raises(FileNotFoundError):
        default_storage.open("half")


@pytest.fixture
def public(s3: dict[str, str], settings: Any, server: S3Server) -> str:
    """Clients reach the bucket at another URL than the site does."""
    endpoint = f"http://localhost:{server.port}"
    options = {**settings.STORAGES["default"]["OPTIONS"], "public_endpoint": endpoint}
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "common.s3.S3Storage", "OPTIONS": options}}
    return endpoint


def test_downloads_are_redirected_to_a_reachable_storage(
    public: str, finished_of: Callable[..., Job], as_alice: ApiClient, alice: Person, client: Client
) -> None:
    job = finished_of(model="camera", prompt="猫 looks up")
    path = f"/v1/videos/{job.public_id}/content"
    response = as_alice.get(path + "?download=1")
    assert response.status_code == 302
    assert response["Location"].startswith(f"{public}/media/")
    assert response["Cache-Control"] == "private, no-store"
    whole = httpx.get(response["Location"], timeout=60)
    assert (whole.status_code, whole.content, whole.headers["Content-Type"]) == (200, VIDEO_BYTES, "video/mp4")
    name = "filename=\"looks-up.mp4\"; filename*=utf-8''%E7%8C%AB-looks-up.mp4"
    assert whole.headers["Content-Disposition"] == f"attachment; {name}"
    part = httpx.get(response["Location"], headers={"Range": "bytes=100-199"}, timeout=60)
    assert (part.status_code, part.content) == (206, VIDEO_BYTES[100:200])
    # The URL gives no access to another object, without the signature, or for writing.
    assert httpx.get(response["Location"].replace("video.mp4", "poster.jpg"), timeout=60).status_code == 403
    assert httpx.get(response["Location"].partition("?")[0], timeout=60).status_code == 403
    assert httpx.put(response["Location"], content=b"x", timeout=60).status_code == 403
    head = as_alice.client.head(path, headers=as_alice.headers)
    assert (head.status_code, head["Content-Length"]) == (200, "2048")
    client.force_login(alice.user)
    page = client.get(path)
    assert (page.status_code, page.content) == (200, VIDEO_BYTES)  # pages get their media from the site itself


def test_a_storage_url_expires_no_later_than_link_and_video(
    public: str, finished_of: Callable[..., Job], as_alice: ApiClient, client: Client, settings: Any
) -> None:
    job = finished_of(model="camera")

    def seconds(url: str) -> int:
        response = client.get(url, headers=as_alice.headers)
        assert response.status_code == 302, response.content
        return int(parse_qs(urlsplit(response["Location"]).query)["X-Amz-Expires"][0])

    path = f"/v1/videos/{job.public_id}/content"
    link = signed_content_url("", job)
    assert seconds(path) == seconds(link) == 300
    settings.DOWNLOAD_URL_MAX_AGE_SECONDS = 30
    assert 1 <= seconds(signed_content_url("", job)) <= 30
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() + timedelta(seconds=60))
    assert 1 <= seconds(path) <= 60
    default_storage.delete(job.result_key)
    assert client.get(link).status_code == 410


def test_a_download_during_a_storage_outage_is_refused(
    public: str, finished_of: Callable[..., Job], as_alice: ApiClient, storage_proxy: StorageProxy
) -> None:
    job = finished_of(model="camera")
    storage_proxy.set_mode("busy")
    for request in (as_alice.get, as_alice.client.head):
        response = request(signed_content_url("", job))
        assert (response.status_code, response["Retry-After"]) == (503, "2")


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 2048), (100, 200), (2047, 2048)])
def test_a_part_of_an_object_is_fetched_alone(start: int, stop: int) -> None:
    default_storage.save("teams/1/part", ContentFile(VIDEO_BYTES))
    assert read_range("teams/1/part", start, stop) == VIDEO_BYTES[start:stop]


@pytest.mark.usefixtures("s3")
def test_a_part_of_a_missing_object() -> None:
    with pytest.raises(FileNotFoundError):
        read_range("teams/1/nothing", 0, 10)


@pytest.mark.usefixtures("s3")
def test_a_part_during_an_outage(storage_proxy: StorageProxy) -> None:
    default_storage.save("teams/1/part", ContentFile(VIDEO_BYTES * 200))
    storage_proxy.set_mode("busy")
    with pytest.raises(OSError, match="S3 failed"):
        read_range("teams/1/part", 0, CHUNK_BYTES)
