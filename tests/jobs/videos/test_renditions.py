"""Renditions on demand: rendered once, stored with the video, deleted with it, and limited in number at a time."""

import io
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from common.redis_client import redis_client
from inference.encoding import probe, write_gif, write_mp4
from inference.video_files import video_to_gif
from jobs.models import Job, Rendition
from jobs.queue.cancel import delete_job
from jobs.queue.ledger_check import find_discrepancies, find_missing_results
from jobs.storage.files import job_folder
from jobs.storage.signed_urls import signed_content_url
from jobs.videos import renditions, video_file
from jobs.videos.cleanup import delete_due_files
from jobs.videos.orphans import sweep_orphans
from tests.support.api_client import ApiClient
from tests.support.videos import finish_next
from tests.support.workers import wait_until

MADE = ("gif", "spritesheet")


def encode_video(folder: Path, suffix: str = "mp4", size: int = 64) -> bytes:
    """Return a video with eight frames of increasing brightness."""
    path = folder / f"made-for-the-test.{suffix}"
    frames = np.stack([np.full((size * 3 // 4, size, 3), 30 * number, np.uint8) for number in range(8)])
    (write_gif if suffix == "gif" else write_mp4)(frames, 8, path)
    return path.read_bytes()


@pytest.fixture
def job(finished_of: Callable[..., Job], tmp_path: Path) -> Job:
    return finished_of(encode_video(tmp_path))


def path(job: Job, variant: str) -> str:
    return f"/v1/videos/{job.public_id}/content?variant={variant}"


def stored(job: Job) -> set[str]:
    """Return the names of the files in the job's folder."""

    def walk(folder: str) -> set[str]:
        folders, files = default_storage.listdir(folder)
        return set(files).union(*(walk(f"{folder}/{name}") for name in folders))

    try:
        return walk(job_folder(job))
    except FileNotFoundError:
        return set()


def test_a_gif_is_rendered_once_and_stored(job: Job, as_alice: ApiClient, tmp_path: Path) -> None:
    first = as_alice.get(path(job, "gif"))
    assert (first.status_code, first["Content-Type"]) == (200, "image/gif")
    assert first["Content-Disposition"] == 'inline; filename="the-camera-pans-left.gif"'
    gif = tmp_path / "found.gif"
    gif.write_bytes(first.content)
    info = probe(gif)
    assert (info.codec, info.width, info.height, info.num_frames) == ("gif", 64, 48, 8)
    kept = Rendition.objects.get()
    made_at = default_storage.get_modified_time(kept.key)
    default_storage.delete(job.result_key)  # a second rendering would fail
    again = as_alice.get(path(job, "gif"))
    assert (again.content, again["ETag"]) == (first.content, first["ETag"])
    assert default_storage.get_modified_time(kept.key) == made_at


def test_a_sprite_sheet_has_a_header_with_its_layout(job: Job, as_alice: ApiClient) -> None:
    response = as_alice.get(path(job, "spritesheet"))
    assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
    assert response["X-Spritesheet"] == f"tile={256}x{192}; columns=3; frames=8"
    with Image.open(io.BytesIO(response.content)) as sheet:
        assert sheet.size == (3 * 256, 3 * 192)
        pixels: list[Any] = [sheet.getpixel((256 * (n % 3) + 128, 192 * (n // 3) + 96)) for n in range(8)]
        tiles = [pixel[0] for pixel in pixels]
    assert tiles == sorted(tiles)
    assert tiles[-1] > 180


def test_range_head_and_links_of_renditions(job: Job, as_alice: ApiClient, client: Client) -> None:
    for variant in MADE:
        head = as_alice.client.head(path(job, variant), headers=as_alice.headers)
        whole = as_alice.get(path(job, variant)).content
        assert (head.status_code, int(head["Content-Length"])) == (200, len(whole))
        part = as_alice.get(path(job, variant), Range="bytes=5-14")
        assert (part.status_code, part.content) == (206, whole[5:15])
        assert client.get(signed_content_url("", job, variant)).content == whole


def test_the_variants_video_and_gif_of_a_gif_are_the_same_file(
    finished_of: Callable[..., Job], as_alice: ApiClient, tmp_path: Path
) -> None:
    content = encode_video(tmp_path, "gif")
    job = finished_of(content, output_format="gif")
    for variant in ("video", "gif"):
        response = as_alice.get(path(job, variant))
        assert (response.content, response["Content-Type"]) == (content, "image/gif")
    assert as_alice.get(path(job, "spritesheet")).status_code == 200
    assert [kept.name for kept in Rendition.objects.all()] == ["spritesheet"]


@pytest.mark.parametrize("variant", ["video", *MADE, "thumbnail"])
def test_before_completion_and_after_retention(
    variant: str, submit: Callable[..., Job], job: Job, as_alice: ApiClient
) -> None:
    def outcome(job: Job) -> tuple[int, str]:
        response = as_alice.get(path(job, variant))
        return response.status_code, response.json()["error"]["code"]

    assert outcome(submit()) == (409, "not_ready")
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now())
    assert outcome(job) == (410, "expired")
    delete_job(job=job)
    assert outcome(job) == (404, "not_found")
    assert not Rendition.objects.exists()


def test_unknown_variants_are_rejected(job: Job, as_alice: ApiClient) -> None:
    for name in (
        "hologram",
        "",
        "GIF",
        "../source",
        "source",
        "gif/../../source.png",
        "video.gif",
        "%00",
        "gif%0d%0aX: y",
    ):
        response = as_alice.get(path(job, name))
        assert (response.status_code, response.json()["error"]["param"]) == (422, "variant"), name
    assert not Rendition.objects.exists()


@pytest.mark.parametrize("end", ["deleted", "expired"])
def test_renditions_are_deleted_with_the_video(end: str, job: Job, as_alice: ApiClient) -> None:
    for variant in MADE:
        assert as_alice.get(path(job, variant)).status_code == 200
    assert stored(job) == {"source.png", "video.mp4", "poster.jpg", "video.gif", "spritesheet.jpg"}
    if end == "deleted":
        delete_job(job=job)
    else:
        Job.objects.filter(pk=job.pk).update(expires_at=timezone.now())
    assert delete_due_files() == 1
    assert stored(job) == set()
    assert not Rendition.objects.exists()
    assert not list(find_discrepancies())


def test_the_sweep_and_the_ledger_check_know_renditions(job: Job, as_alice: ApiClient) -> None:
    Job.objects.update()
    for variant in MADE:
        as_alice.get(path(job, variant))
    default_storage.save(f"{job.result_key.rpartition('/')[0]}/video.mkv", io.BytesIO(b"left by nobody"))
    assert renditions.on_demand_keys(job) == set(Rendition.objects.values_list("key", flat=True))
    sweep_orphans(older_than=timedelta(0))
    assert {"video.gif", "spritesheet.jpg"} < stored(job)
    assert not list(find_missing_results())
    assert not list(find_discrepancies())  # renditions do not count as stored bytes
    key = Rendition.objects.get(name="gif").key
    default_storage.delete(key)
    assert [discrepancy.location for discrepancy in find_missing_results()] == [f"{job.id} {key}"]


def test_a_damaged_video_leaves_no_files(finished_of: Callable[..., Job], as_alice: ApiClient, tmp_path: Path) -> None:
    whole = encode_video(tmp_path)
    job = finished_of(whole[: len(whole) // 3])
    for variant in MADE:
        response = as_alice.get(path(job, variant))
        assert (response.status_code, response.json()["error"]["code"]) == (409, "file_damaged")
    assert stored(job) == {"source.png", "video.mp4", "poster.jpg"}
    assert not Rendition.objects.exists()


def test_a_full_storage_leaves_no_partial_file(job: Job, as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    save = default_storage.save

    def break_off(name: str, content: Any, **kwargs: Any) -> None:
        save(name, io.BytesIO(content.read()[:100]))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "save", break_off)
        response = as_alice.get(path(job, "gif"))
        assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert stored(job) == {"source.png", "video.mp4", "poster.jpg"}
    assert as_alice.get(path(job, "gif")).content[:4] == b"GIF8"


def test_a_video_deleted_during_rendering_leaves_no_files(
    job: Job, as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete_first(*args: Any) -> None:
        delete_job(job=job)
        assert delete_due_files() == 1
        video_to_gif(*args)

    monkeypatch.setattr(renditions, "video_to_gif", delete_first)
    assert as_alice.get(path(job, "gif")).status_code == 410
    assert stored(job) == set()
    assert not Rendition.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_render_once(job: Job, as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four threads, each with its own connection, like four processes."""
    monkeypatch.setattr(video_file, "_TEAM_LIMIT", 4)
    made = []

    def render(*args: Any) -> None:
        made.append(args)
        video_to_gif(*args)

    monkeypatch.setattr(renditions, "video_to_gif", render)
    begin = threading.Barrier(4)

    def ask(_: int) -> Any:
        begin.wait(60)
        return asked(as_alice, job, "gif")

    with ThreadPoolExecutor(4) as threads:
        responses = list(threads.map(ask, range(4)))
    assert Counter(response.status_code for response in responses) == {200: 4}
    assert len({response.content for response in responses}) == 1
    assert (len(made), Rendition.objects.count()) == (1, 1)


def asked(api: ApiClient, job: Job, variant: str) -> Any:
    """Send a request in a thread, then close the thread's connection."""
    try:
        return api.get(path(job, variant))
    finally:
        connection.close()


@pytest.fixture
def slow_gifs(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Rendering of GIFs waits until the event is set."""
    go_on = threading.Event()

    def slowly(*args: Any) -> None:
        assert go_on.wait(60)
        video_to_gif(*args)

    monkeypatch.setattr(renditions, "video_to_gif", slowly)
    yield go_on
    go_on.set()


@pytest.mark.django_db(transaction=True)
def test_requests_beyond_the_limit_of_a_process_get_503(
    job: Job, as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch, slow_gifs: Any
) -> None:
    monkeypatch.setattr(video_file, "_TEAM_LIMIT", 9)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(asked, as_alice, job, "gif") for _ in range(4)]
        try:
            wait_until(lambda: video_file._RENDER_LIMITER._semaphore._value == 0)
            refused = asked(as_alice, job, "spritesheet")
        finally:
            slow_gifs.set()
        assert (refused.status_code, refused["Retry-After"]) == (503, "2")
        assert refused.json()["error"]["code"] == "overloaded"
        assert [response.result().status_code for response in waiting] == [200] * 4
    assert asked(as_alice, job, "spritesheet").status_code == 200  # the slots are free again
    assert asked(as_alice, job, "video").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_team_cannot_use_all_rendering_slots(
    job: Job,
    as_alice: ApiClient,
    as_charlie: ApiClient,
    body: Callable[..., dict[str, Any]],
    slow_gifs: Any,
    tmp_path: Path,
) -> None:
    assert as_charlie.post("/v1/videos", body()).status_code == 202
    charlies = finish_next(encode_video(tmp_path))
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(asked, as_alice, job, "gif") for _ in range(2)]
        try:
            wait_until(lambda: redis_client().zcard(f"slots:makers:{job.team_id}") == 2)
            refused = asked(as_alice, job, "spritesheet")
            other = asked(as_charlie, charlies, "spritesheet")
        finally:
            slow_gifs.set()
        assert [response.result().status_code for response in waiting] == [200] * 2
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["scope"], error["limit"]) == (429, "too_many_at_once", "team", 2)
    assert (refused["Retry-After"], other.status_code) == ("2", 200)
    assert redis_client().zcard(f"slots:makers:{job.team_id}") == 0
    assert asked(as_alice, job, "gif").status_code == 200


@pytest.mark.parametrize("variant", MADE)
def test_a_lost_rendition_is_rendered_again(variant: str, job: Job, as_alice: ApiClient) -> None:
    first = as_alice.get(path(job, variant))
    kept = Rendition.objects.get()
    default_storage.delete(kept.key)
    again = as_alice.get(path(job, variant))
    assert (again.status_code, again.content) == (200, first.content)
    assert default_storage.exists(kept.key)
    assert Rendition.objects.get() == kept
    assert not list(find_missing_results())
    # Without the file of the video nothing can be rendered.
    default_storage.delete(kept.key)
    default_storage.delete(job.result_key)
    assert as_alice.get(path(job, variant)).status_code == 410
