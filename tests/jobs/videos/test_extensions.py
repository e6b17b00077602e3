"""Requests for videos that continue another one: what is inherited, what can be joined, and what is refused."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from PIL import Image

from inference import limits
from inference.encoding import write_mp4
from inference.models.catalogue import MODELS
from inference.video_files import VideoFile
from jobs.models import Job
from jobs.storage.files import load_source_image
from tests.support.api_client import ApiClient
from tests.support.people import Person


@pytest.fixture
def source(finished_of: Callable[..., Job], tmp_path: Path) -> Job:
    path = tmp_path / "source-of-extension.mp4"
    write_mp4(np.stack([np.full((216, 288, 3), (30 * number, 20, 200), np.uint8) for number in range(8)]), 8, path)
    return finished_of(path.read_bytes(), metadata={"order": "1"}, seed=7)


def extend(api: ApiClient, source: Job, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return api.post(f"/v1/videos/{source.public_id}/extend", body or {}, **headers)


def job_of(response: Any) -> Job:
    assert response.status_code == 202, response.content
    return Job.objects.get(pk=response.json()["id"].removeprefix("vid_"))


def test_it_begins_with_the_last_frame_and_inherits_the_rest(source: Job, as_alice: ApiClient) -> None:
    response = extend(as_alice, source)
    job, body = job_of(response), response.json()
    last = list(VideoFile(Path(default_storage.path(source.result_key))))[-1]
    assert np.array_equal(np.asarray(Image.open(BytesIO(load_source_image(job)))), last)
    inherited = ("model", "prompt", "width", "height", "num_frames", "fps", "output_format", "priority")
    assert [getattr(job, name) for name in inherited] == [getattr(source, name) for name in inherited]
    assert (job.extends, job.leading_frames, job.metadata) == (source.pk, 0, {})
    assert job.seed != source.seed
    assert (body["extends"], body["remixed_from_video_id"], body["num_frames"]) == (source.public_id, None, 8)
    assert response["Location"] == body["urls"]["self"]
    changed = job_of(extend(as_alice, source, {"prompt": "x", "seconds": "2", "fps": 12, "output_format": "gif"}))
    assert (changed.prompt, changed.num_frames, changed.fps, changed.output_format) == ("x", 24, 12, "gif")


def test_the_joined_file_is_longer_but_costs_the_same(source: Job, as_alice: ApiClient) -> None:
    response = extend(as_alice, source, {"join": True, "num_frames": 12})
    joined, alone = job_of(response), job_of(extend(as_alice, source, {"num_frames": 12}))
    assert (response.json()["num_frames"], response.json()["seconds"]) == (19, "2.375")
    assert (joined.num_frames, joined.leading_frames, joined.total_frames) == (12, 8, 19)
    assert joined.quoted_credits == alone.quoted_credits
    remix = job_of(as_alice.post(f"/v1/videos/{joined.public_id}/remix", {}))
    assert (remix.total_frames, remix.extends) == (12, None)


@pytest.mark.parametrize(
    ("changes", "param", "nearest"),
    [
        ({"fps": 12}, "fps", [8]),
        ({"output_format": "gif"}, "output_format", ["mp4"]),
        ({"size": "256x256"}, "size", ["288x216"]),
        ({"resolution": "512p"}, "size", ["288x216"]),
    ],
)
def test_what_differs_cannot_be_joined(
    changes: dict[str, Any], param: str, nearest: list[Any], source: Job, as_alice: ApiClient
) -> None:
    response = extend(as_alice, source, changes | {"join": True})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "not_joinable", param)
    assert error["details"][0]["nearest"] == nearest
    assert extend(as_alice, source, changes).status_code == 202


def test_the_joined_file_has_a_maximum_length(
    source: Job, as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_FRAMES", 18)
    assert extend(as_alice, source, {"join": True, "num_frames": 11}).status_code == 202
    for changes in ({"num_frames": 12}, {"seconds": "2"}):
        error = extend(as_alice, source, {"join": True, **changes}).json()["error"]
        assert (error["param"], error["details"][0]["type"]) == (next(iter(changes)), "max_value")
    assert extend(as_alice, source, {"num_frames": 12}).status_code == 202


def test_refusals(source: Job, submit: Callable[..., Job], as_alice: ApiClient, as_charlie: ApiClient) -> None:
    def outcome(response: Any) -> tuple[int, str, str | None]:
        error = response.json()["error"]
        return response.status_code, error["code"], error["param"]

    assert outcome(extend(as_charlie, source)) == (404, "not_found", None)
    body = {"prompt": "x", "seconds": "1", "video": {"id": source.public_id}}
    assert outcome(as_charlie.post("/v1/videos/extensions", body)) == (404, "not_found", None)
    assert outcome(extend(as_alice, submit())) == (409, "not_ready", None)
    assert outcome(extend(as_alice, source, {"image_base64": "x"})) == (422, "invalid_field", "image_base64")
    assert outcome(extend(as_alice, source, {"model": "nothing"})) == (422, "invalid_field", "model")
    Job.objects.filter(pk=source.pk).update(expires_at=timezone.now())
    assert outcome(extend(as_alice, source)) == (410, "expired", None)


def test_a_model_without_images_cannot_continue(
    source: Job, as_alice: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = MODELS["camera"].inputs.model_copy(update={"image": "none"})
    monkeypatch.setitem(MODELS, "camera", MODELS["camera"].model_copy(update={"inputs": inputs}))
    error = extend(as_alice, source).json()["error"]
    assert (error["param"], error["details"][0]["type"]) == ("model", "not_supported")


def test_a_repeat_returns_the_same_video(source: Job, as_alice: ApiClient) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (extend(as_alice, source, {"join": True}, **key) for _ in range(2))
    assert (first.json()["id"], again.json()["id"]) == (again.json()["id"], first.json()["id"])
    assert extend(as_alice, source, {"join": False}, **key).status_code == 409


def test_openais_shape_as_json_and_as_a_form(source: Job, as_alice: ApiClient, client: Client, alice: Person) -> None:
    body = {"prompt": "x", "seconds": "1", "video": {"id": source.public_id}}
    response = as_alice.post("/v1/videos/extensions", body)
    assert (response.status_code, response.json()["seconds"]) == (202, "1.875")
    form = {"prompt": "x", "seconds": "1", "video[id]": source.public_id}
    assert job_of(client.post("/v1/videos/extensions", form, headers=alice.headers)).leading_frames == 8
    assert as_alice.post("/v1/videos/extensions", {"seconds": "1", "video": {}}).status_code == 422


def test_the_form_of_the_page(source: Job, alice: Person) -> None:
    path = f"/videos/{source.public_id}"
    assert f'action="{path}/extend"' in alice.get(path).content.decode()
    sent = {"prompt": "the camera tilts up", "join": "on", "form_key": "f"}
    responses = [alice.post(f"{path}/extend", sent) for _ in range(2)]
    job = Job.objects.get(extends=source.pk)
    assert {response["Location"] for response in responses} == {f"/videos/{job.public_id}"}
    assert (job.prompt, job.leading_frames) == ("the camera tilts up", 8)
    page = alice.get(f"/videos/{job.public_id}").content.decode()
    assert f'<a href="{path}"' in page
    refused = alice.post(f"{path}/extend", sent | {"prompt": " "})
    assert refused.status_code == 422
    assert '<details class="video-extend" open>' in refused.content.decode()
