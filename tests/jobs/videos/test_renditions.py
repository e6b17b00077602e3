"""What is made of a video on demand: once, kept beside it, gone with it; never more at once than a process bears."""

import io
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from PIL import Image

from common.redis_client import redis_client
from inference.encoding import probe, write_gif, write_mp4
from jobs.models import Job, Rendition
from jobs.queue.cancel import delete_job
from jobs.queue.ledger_check import find_discrepancies, find_missing_results
from jobs.storage.files import job_folder
from jobs.storage.signed_urls import signed_content_url
from jobs.videos import renditions
from jobs.videos.cleanup import delete_due_files
from jobs.videos.orphans import sweep_orphans
from tests.support.videos import finish_next
from tests.support.workers import wait_until

MADE = ("gif", "spritesheet")


def film(folder: Path, suffix: str = "mp4", size: int = 64) -> bytes:
    """Eight frames that grow brighter."""
    path = folder / f"made-for-the-test.{suffix}"
    frames = np.stack([np.full((size * 3 // 4, size, 3), 30 * number, np.uint8) for number in range(8)])
    (write_gif if suffix == "gif" else write_mp4)(frames, 8, path)
    return path.read_bytes()


@pytest.fixture
def job(finished_of, tmp_path) -> Job:
    return finished_of(film(tmp_path))


def path(job: Job, variant: str) -> str:
    return f"/v1/videos/{job.public_id}/content?variant={variant}"


def stored(job: Job) -> set[str]:
    """Names below the job's folder."""

    def walk(folder: str) -> set[str]:
        folders, files = default_storage.listdir(folder)
        return set(files).union(*(walk(f"{folder}/{name}") for name in folders))

    try:
        return walk(job_folder(job.team_id, job.id))
    except FileNotFoundError:
        return set()


def test_a_gif_is_made_once_and_kept(job, as_alice, tmp_path):
    first = as_alice.get(path(job, "gif"))
    assert (first.status_code, first["Content-Type"]) == (200, "image/gif")
    assert first["Content-Disposition"] == 'inline; filename="the-camera-pans-left.gif"'
    gif = tmp_path / "found.gif"
    gif.write_bytes(first.content)
    info = probe(gif)
    assert (info.codec, info.width, info.height, info.num_frames) == ("gif", 64, 48, 8)
    kept = Rendition.objects.get()
    made_at = default_storage.get_modified_time(kept.key)
    default_storage.delete(job.result_key)  # it could not be made a second time
    again = as_alice.get(path(job, "gif"))
    assert (again.content, again["ETag"]) == (first.content, first["ETag"])
    assert default_storage.get_modified_time(kept.key) == made_at


def test_a_spritesheet_says_how_it_is_laid_out(job, as_alice):
    answer = as_alice.get(path(job, "spritesheet"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer["X-Spritesheet"] == f"tile={256}x{192}; columns=3; frames=8"
    with Image.open(io.BytesIO(answer.content)) as sheet:
        assert sheet.size == (3 * 256, 3 * 192)
        tiles = [sheet.getpixel((256 * (n % 3) + 128, 192 * (n // 3) + 96))[0] for n in range(8)]
    assert tiles == sorted(tiles)
    assert tiles[-1] > 180


def test_range_head_and_links_of_what_is_made(job, as_alice, client):
    for variant in MADE:
        head = as_alice.client.head(path(job, variant), headers=as_alice.headers)
        whole = as_alice.get(path(job, variant)).content
        assert (head.status_code, int(head["Content-Length"])) == (200, len(whole))
        part = as_alice.get(path(job, variant), Range="bytes=5-14")
        assert (part.status_code, part.content) == (206, whole[5:15])
        assert client.get(signed_content_url("", job, variant)).content == whole


def test_of_a_gif_video_and_gif_are_the_same_file(finished_of, as_alice, tmp_path):
    content = film(tmp_path, "gif")
    job = finished_of(content, output_format="gif")
    for variant in ("video", "gif"):
        answer = as_alice.get(path(job, variant))
        assert (answer.content, answer["Content-Type"]) == (content, "image/gif")
    assert as_alice.get(path(job, "spritesheet")).status_code == 200
    assert [kept.name for kept in Rendition.objects.all()] == ["spritesheet"]


@pytest.mark.parametrize("variant", ["video", *MADE, "thumbnail"])
def test_before_and_after_its_time(variant, submit, job, as_alice):
    def outcome(job: Job) -> tuple[int, str]:
        answer = as_alice.get(path(job, variant))
        return answer.status_code, answer.json()["error"]["code"]

    assert outcome(submit()) == (409, "not_ready")
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now())
    assert outcome(job) == (410, "expired")
    delete_job(job=job)
    assert outcome(job) == (404, "not_found")
    assert not Rendition.objects.exists()


def test_there_are_no_other_variants(job, as_alice):
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
        answer = as_alice.get(path(job, name))
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, "variant"), name
    assert not Rendition.objects.exists()


@pytest.mark.parametrize("end", ["deleted", "expired"])
def test_what_was_made_goes_with_the_video(end, job, as_alice):
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


def test_sweep_and_audit_know_what_was_made(job, as_alice):
    Job.objects.update()
    for variant in MADE:
        as_alice.get(path(job, variant))
    default_storage.save(f"{job.result_key.rpartition('/')[0]}/video.mkv", io.BytesIO(b"left by nobody"))
    assert renditions.on_demand_keys(job) == set(Rendition.objects.values_list("key", flat=True))
    sweep_orphans(older_than=timedelta(0))
    assert {"video.gif", "spritesheet.jpg"} < stored(job)
    assert not list(find_missing_results())
    assert not list(find_discrepancies())  # what was made is not counted in the stored bytes
    key = Rendition.objects.get(name="gif").key
    default_storage.delete(key)
    assert [discrepancy.location for discrepancy in find_missing_results()] == [f"{job.id} {key}"]


def test_a_broken_film_leaves_nothing(finished_of, as_alice, tmp_path):
    whole = film(tmp_path)
    job = finished_of(whole[: len(whole) // 3])
    for variant in MADE:
        answer = as_alice.get(path(job, variant))
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "file_damaged")
    assert stored(job) == {"source.png", "video.mp4", "poster.jpg"}
    assert not Rendition.objects.exists()


def test_a_storage_that_takes_no_more_leaves_nothing_half(job, as_alice, monkeypatch):
    save = default_storage.save

    def break_off(name, content, **kwargs):
        save(name, io.BytesIO(content.read()[:100]))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "save", break_off)
        answer = as_alice.get(path(job, "gif"))
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert stored(job) == {"source.png", "video.mp4", "poster.jpg"}
    assert as_alice.get(path(job, "gif")).content[:4] == b"GIF8"


def test_a_video_that_is_deleted_meanwhile_leaves_nothing(job, as_alice, monkeypatch):
    video_to_gif = renditions.video_to_gif

    def delete_first(*args):
        delete_job(job=job)
        assert delete_due_files() == 1
        video_to_gif(*args)

    monkeypatch.setattr(renditions, "video_to_gif", delete_first)
    assert as_alice.get(path(job, "gif")).status_code == 410
    assert stored(job) == set()
    assert not Rendition.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one(job, as_alice, monkeypatch):
    """Four threads, each with a connection of its own, as four processes have."""
    monkeypatch.setattr(renditions, "_TEAM_LIMIT", 4)
    made, video_to_gif = [], renditions.video_to_gif
    monkeypatch.setattr(renditions, "video_to_gif", lambda *args: (made.append(args), video_to_gif(*args)))
    begin = threading.Barrier(4)

    def ask(_: int):
        begin.wait(60)
        return asked(as_alice, job, "gif")

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(ask, range(4)))
    assert Counter(answer.status_code for answer in answers) == {200: 4}
    assert len({answer.content for answer in answers}) == 1
    assert (len(made), Rendition.objects.count()) == (1, 1)


def asked(api, job: Job, variant: str):
    """The answer in a thread of its own, which gives its connection back."""
    try:
        return api.get(path(job, variant))
    finally:
        connection.close()


@pytest.fixture
def slow_gifs(monkeypatch) -> Iterator[threading.Event]:
    """GIFs are not finished before the event is set."""
    go_on = threading.Event()
    video_to_gif = renditions.video_to_gif

    def slowly(*args):
        assert go_on.wait(60)
        video_to_gif(*args)

    monkeypatch.setattr(renditions, "video_to_gif", slowly)
    yield go_on
    go_on.set()


@pytest.mark.django_db(transaction=True)
def test_more_than_a_process_bears_are_told_to_come_again(job, as_alice, monkeypatch, slow_gifs):
    monkeypatch.setattr(renditions, "_TEAM_LIMIT", 9)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(asked, as_alice, job, "gif") for _ in range(4)]
        try:
            wait_until(lambda: renditions._RENDER_LIMITER._places._value == 0)
            refused = asked(as_alice, job, "spritesheet")
        finally:
            slow_gifs.set()
        assert (refused.status_code, refused["Retry-After"]) == (503, "2")
        assert refused.json()["error"]["code"] == "overloaded"
        assert [answer.result().status_code for answer in waiting] == [200] * 4
    assert asked(as_alice, job, "spritesheet").status_code == 200  # places are given back
    assert asked(as_alice, job, "video").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_one_team_leaves_makers_to_the_others(job, as_alice, as_charlie, body, slow_gifs, tmp_path):
    assert as_charlie.post("/v1/videos", body()).status_code == 202
    charlies = finish_next(film(tmp_path))
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(asked, as_alice, job, "gif") for _ in range(2)]
        try:
            wait_until(lambda: redis_client().zcard(f"slots:makers:{job.team_id}") == 2)
            refused = asked(as_alice, job, "spritesheet")
            other = asked(as_charlie, charlies, "spritesheet")
        finally:
            slow_gifs.set()
        assert [answer.result().status_code for answer in waiting] == [200] * 2
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["scope"], error["limit"]) == (429, "too_many_at_once", "team", 2)
    assert (refused["Retry-After"], other.status_code) == ("2", 200)
    assert redis_client().zcard(f"slots:makers:{job.team_id}") == 0
    assert asked(as_alice, job, "gif").status_code == 200


@pytest.mark.parametrize("variant", MADE)
def test_what_was_kept_and_lost_is_made_anew(variant, job, as_alice):
    first = as_alice.get(path(job, variant))
    kept = Rendition.objects.get()
    default_storage.delete(kept.key)
    again = as_alice.get(path(job, variant))
    assert (again.status_code, again.content) == (200, first.content)
    assert default_storage.exists(kept.key)
    assert Rendition.objects.get() == kept
    assert not list(find_missing_results())
    # Without the film nothing can be made of it.
    default_storage.delete(kept.key)
    default_storage.delete(job.result_key)
    assert as_alice.get(path(job, variant)).status_code == 410
