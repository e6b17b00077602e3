"""Single frames: as PNG through the API, with the pixels of the decoded video."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL import Image

from common.redis_client import redis_client
from inference.encoding import write_gif, write_mp4
from inference.video_files import VideoFile
from jobs.models import Job, Rendition
from tests.support.api_client import ApiClient

NUM_FRAMES, FPS = 12, 10


def encoded(folder: Path, suffix: str) -> bytes:
    """Return a video whose frames all differ, with saturated colors and edges."""
    path = folder / f"source-of-frames.{suffix}"
    bars = np.zeros((48, 64, 3), np.uint8)
    bars[:, :20], bars[:, 20:40], bars[:, 40:] = (250, 20, 20), (20, 200, 40), (30, 30, 220)
    frames = np.stack([np.roll(bars, 5 * number, axis=1) for number in range(NUM_FRAMES)])
    (write_gif if suffix == "gif" else write_mp4)(frames, FPS, path)
    return path.read_bytes()


@pytest.fixture(params=["mp4", "gif"])
def video(request: Any, finished_of: Callable[..., Job], tmp_path: Path) -> Job:
    return finished_of(encoded(tmp_path, request.param), output_format=request.param, num_frames=NUM_FRAMES, fps=FPS)


def path(job: Job, at: str) -> str:
    return f"/v1/videos/{job.public_id}/content?variant=frame&at={at}"


def decoded_frames(job: Job, folder: Path) -> list[NDArray[np.uint8]]:
    copy = folder / f"copy.{job.output_format}"
    with default_storage.open(job.result_key) as stored:
        copy.write_bytes(stored.read())
    return list(VideoFile(copy))


def test_a_frame_has_the_pixels_of_the_decoded_video(video: Job, as_alice: ApiClient, tmp_path: Path) -> None:
    frames = decoded_frames(video, tmp_path)
    # 0.7 * 10 is less than 7 in binary floating point.
    numbers = {"first": 0, "0": 0, "0.099": 0, "0.1": 1, "0.7": 7, "1.19999": 11, "11e-1": 11, "last": 11}
    for at, number in numbers.items():
        response = as_alice.get(path(video, at))
        assert (response.status_code, response["Content-Type"]) == (200, "image/png"), at
        assert b"digitalsourcetype/trainedAlgorithmicMedia" in response.content
        with Image.open(io.BytesIO(response.content)) as image:
            assert image.mode == "RGB"
            assert np.array_equal(np.asarray(image), frames[number]), at
    assert not Rendition.objects.exists()
    assert redis_client().zcard(f"slots:makers:{video.team_id}") == 0


@pytest.mark.parametrize("at", ["1.2", "1e9", "9" * 39, "1e999999999"])
def test_a_time_beyond_the_end_is_refused(at: str, finished: Job, as_alice: ApiClient) -> None:
    error = as_alice.get(path(finished, at)).json()["error"]
    assert (error["param"], error["details"][0]["type"]) == ("at", "beyond_end")
    assert "ends after 1 seconds" in error["message"]


@pytest.mark.parametrize("at", ["", "-1", "-0.1", "nan", "inf", "middle", "First", "1_0", "٣", "0x1", "9" * 41])
def test_an_invalid_time_is_refused(at: str, finished: Job, as_alice: ApiClient) -> None:
    response = as_alice.get(path(finished, at))
    assert (response.status_code, response.json()["error"]["param"]) == (422, "at")


def test_etag_range_head_and_file_name(video: Job, as_alice: ApiClient) -> None:
    whole = as_alice.get(f"/v1/videos/{video.public_id}/content?variant=frame&download=1")
    assert whole["Content-Disposition"] == 'attachment; filename="the-camera-pans-left.png"'
    head = as_alice.client.head(path(video, "0.05"), headers=as_alice.headers)
    assert (head["ETag"], head.content) == (whole["ETag"], b"")
    assert int(head["Content-Length"]) == len(whole.content)
    assert as_alice.get(path(video, "last"))["ETag"] != whole["ETag"]
    part = as_alice.get(path(video, "first"), Range="bytes=1-3")
    assert (part.status_code, part.content) == (206, b"PNG")
    beyond = as_alice.get(path(video, "first"), Range="bytes=99999999-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(whole.content)}")
    default_storage.delete(video.result_key)  # the client has the frame already
    assert as_alice.get(path(video, "first"), If_None_Match=whole["ETag"]).status_code == 304
    assert as_alice.get(path(video, "first")).status_code == 410


def test_a_frame_of_a_damaged_file(finished_of: Callable[..., Job], as_alice: ApiClient, tmp_path: Path) -> None:
    job = finished_of(encoded(tmp_path, "mp4")[:900], num_frames=NUM_FRAMES, fps=FPS)
    response = as_alice.get(path(job, "last"))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "file_damaged")


def test_frames_of_a_video_that_is_not_completed(submit: Callable[..., Job], as_alice: ApiClient) -> None:
    response = as_alice.get(path(submit(), "first"))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "not_ready")


def test_a_team_decodes_few_frames_at_once(finished: Job, as_alice: ApiClient) -> None:
    redis_client().zadd(f"slots:makers:{finished.team_id}", {"one": 2e9, "other": 2e9})
    error = as_alice.get(path(finished, "first")).json()["error"]
    assert (error["code"], error["limit"]) == ("too_many_at_once", 2)
