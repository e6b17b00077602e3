"""A frame of a video as the image of another one: `image_video` and `last_image_video`."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from numpy.typing import NDArray
from PIL import Image

from accounts.quota.models import Wallet
from inference.encoding import write_gif, write_mp4
from inference.video_files import VideoFile
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.storage.files import load_last_image, load_source_image
from jobs.videos.cleanup import delete_due_files
from tests.support.api_client import ApiClient
from tests.support.people import Person

BODY = {"prompt": "the camera pans left", "resolution": "256p", "num_frames": 8}


@pytest.fixture
def source(finished_of: Callable[..., Job], tmp_path: Path) -> Job:
    return make_source(finished_of, tmp_path, "mp4")


def make_source(finished_of: Callable[..., Job], folder: Path, suffix: str) -> Job:
    path = folder / f"source-of-images.{suffix}"
    frames = np.stack([np.full((48, 64, 3), (30 * number, 20, 200), np.uint8) for number in range(8)])
    (write_gif if suffix == "gif" else write_mp4)(frames, 8, path)
    return finished_of(path.read_bytes(), output_format=suffix)


def job_of(response: Any) -> Job:
    assert response.status_code == 202, response.content
    return Job.objects.get(pk=response.json()["id"].removeprefix("vid_"))


def frame(job: Job, number: int) -> NDArray[np.uint8]:
    return list(VideoFile(Path(default_storage.path(job.result_key))))[number]


def pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(png)))


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_the_frame_is_copied(
    suffix: str, finished_of: Callable[..., Job], tmp_path: Path, as_alice: ApiClient, client: Client, alice: Person
) -> None:
    source = make_source(finished_of, tmp_path, suffix)
    expected = {number: frame(source, number) for number in (0, 4, 7)}
    references = {None: 7, "last": 7, "first": 0, 0.5: 4, "0.5": 4}
    jobs: list[tuple[int, Job]] = []
    for at, number in references.items():
        reference = {"id": source.public_id} | ({} if at is None else {"at": at})
        jobs.append((number, job_of(as_alice.post("/v1/videos", BODY | {"image_video": reference}))))
    form = BODY | {"image_video[id]": source.public_id, "image_video[at]": "first"}
    jobs.append((0, job_of(client.post("/v1/videos", form, headers=alice.headers))))
    delete_job(job=source)
    assert delete_due_files() == 1
    for number, job in jobs:
        assert np.array_equal(pixels(load_source_image(job)), expected[number])
        assert (job.width, job.height) == (288, 216)


def test_a_quote_and_a_batch_take_it(source: Job, as_alice: ApiClient) -> None:
    body = BODY | {"image_video": {"id": source.public_id, "at": "first"}}
    quote = as_alice.post("/v1/videos/quote", body)
    assert (quote.status_code, quote.json()["size"]) == (200, "288x216")
    missing = BODY | {"image_video": {"id": f"vid_{'0' * 32}"}}
    batch = as_alice.post("/v1/batches", {"requests": [body, missing, body]}).json()
    assert [item["status"] for item in batch["items"]] == ["queued", "refused", "queued"]
    assert batch["items"][1]["error"]["code"] == "not_found"
    for item in (batch["items"][0], batch["items"][2]):
        job = Job.objects.get(pk=item["video"]["id"].removeprefix("vid_"))
        assert np.array_equal(pixels(load_source_image(job)), frame(source, 0))


def test_the_video_of_another_team_does_not_exist(source: Job, as_charlie: ApiClient) -> None:
    texts = []
    for identifier in (source.public_id, f"vid_{'0' * 32}"):
        response = as_charlie.post("/v1/videos", BODY | {"image_video": {"id": identifier}})
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["param"]) == (404, "not_found", "image_video")
        texts.append(error["message"].replace(identifier, ""))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("reference", "status", "param"),
    [
        ({}, 422, "image_video"),
        ({"id": "vid_1", "where": "last"}, 422, "image_video"),
        ("vid_1", 422, "image_video"),
        ({"id": "...", "at": -1}, 422, "image_video"),
        ({"id": "...", "at": True}, 422, "image_video"),
        ({"id": "...", "at": "middle"}, 422, "image_video"),
        ({"id": "...", "at": 1}, 422, "image_video"),
        ({"id": "...", "at": 10**30}, 422, "image_video"),
    ],
)
def test_a_wrong_reference_is_refused(
    reference: Any, status: int, param: str, source: Job, as_alice: ApiClient
) -> None:
    if isinstance(reference, dict) and reference.get("id") == "...":
        reference = reference | {"id": source.public_id}
    response = as_alice.post("/v1/videos", BODY | {"image_video": reference})
    assert (response.status_code, response.json()["error"]["param"]) == (status, param)


def test_one_image_only(source: Job, as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    error = as_alice.post("/v1/videos", body(image_video={"id": source.public_id})).json()["error"]
    assert "image_base64 or image_video, not both" in error["message"]


def test_a_video_without_a_file(source: Job, submit: Callable[..., Job], as_alice: ApiClient) -> None:
    def outcome(job: Job) -> tuple[int, str, str]:
        response = as_alice.post("/v1/videos", BODY | {"image_video": {"id": job.public_id}})
        error = response.json()["error"]
        return response.status_code, error["code"], error["param"]

    assert outcome(submit()) == (409, "not_ready", "image_video")
    Job.objects.filter(pk=source.pk).update(expires_at=timezone.now())
    assert outcome(source) == (410, "expired", "image_video")


def test_a_last_image(source: Job, as_alice: ApiClient, alice: Person, settings: Any) -> None:
    settings.MODELS_ENABLED = ["camera", "wan-i2v-a14b"]
    Wallet.objects.filter(team=alice.team).update(balance=10_000)
    images = {f"{name}_video": {"id": source.public_id, "at": at} for name, at in (("image", 0), ("last_image", 0.9))}
    changes = {"model": "wan-i2v-a14b", "resolution": "480p", "num_frames": 5}
    job = job_of(as_alice.post("/v1/videos", BODY | changes | images))
    assert np.array_equal(pixels(load_source_image(job)), frame(source, 0))
    assert np.array_equal(pixels(load_last_image(job)), frame(source, 7))
    response = as_alice.post("/v1/videos", BODY | {"image_video": images["image_video"]} | images)
    assert (response.status_code, response.json()["error"]["param"]) == (422, "last_image_video")


def test_the_create_page_continues_from_a_frame(source: Job, alice: Person) -> None:
    page = alice.get(f"/?image_video={source.public_id}&at=0.5").content.decode()
    assert f"/v1/videos/{source.public_id}/content?variant=frame&amp;at=0.5" in page
    form = {"prompt": "x", "preset": "fast", "image_video": source.public_id, "at": "0.5"}
    assert alice.post("/", form).status_code == 302
    assert np.array_equal(pixels(load_source_image(Job.objects.latest("id"))), frame(source, 4))
    for changes in ({"image_removed": "1"}, {"image_video": f"vid_{'0' * 32}"}):
        assert "Choose a picture first." in alice.post("/", form | changes).content.decode()
    assert "ends after 1 seconds" in alice.post("/", form | {"at": "7"}).content.decode()
