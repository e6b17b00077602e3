"""The field `audio`, through every entrance: it asks for sound where the model makes it, and is refused elsewhere."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from jobs.models import Job
from tests.support.api_client import ApiClient
from tests.support.batches import Sent, video_request
from tests.support.images import image_upload, png
from tests.support.people import Person
from tests.support.videos import finished_video

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_models")]
Body = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(("audio", "expected"), [(True, True), (False, False), (..., False)])
def test_audio_asks_for_sound(as_alice: ApiClient, body: Body, audio: Any, expected: bool) -> None:
    request = body(model="scripted", audio=audio)
    assert as_alice.post("/v1/videos/quote", request).status_code == 200
    assert as_alice.post("/v1/videos", request).status_code == 202
    assert Job.objects.get().audio is expected


@pytest.mark.parametrize(("text", "status"), [("true", 202), ("false", 202), (None, 202), ("yes", 422), ("", 422)])
def test_audio_in_a_form(alice: Person, client: Client, text: str | None, status: int) -> None:
    image = BytesIO(png())
    image.name = "image.png"
    form = {"image": image, "prompt": "x", "model": "scripted"} | ({} if text is None else {"audio": text})
    assert client.post("/v1/videos", form, headers=alice.headers).status_code == status
    assert [job.audio for job in Job.objects.all()] == ([text == "true"] if status == 202 else [])


@pytest.mark.parametrize("audio", [1, 0, "yes", [True], {}])
def test_other_values_are_refused(as_alice: ApiClient, body: Body, audio: Any) -> None:
    error = as_alice.post("/v1/videos", body(model="scripted", audio=audio)).json()["error"]
    assert (error["param"], error["details"][0]["type"]) == ("audio", "wrong_type")


def test_a_model_without_sound_refuses_it_with_the_models_that_have_it(as_alice: ApiClient, body: Body) -> None:
    response = as_alice.post("/v1/videos", body(model="camera", audio=True))
    assert response.status_code == 422
    assert response.json()["error"]["details"] == [
        {
            "loc": ["audio"],
            "msg": "camera has no audio. Remove it, or choose a model that has it: scripted.",
            "type": "not_supported",
        }
    ]
    assert as_alice.post("/v1/videos", body(model="camera", audio=False)).status_code == 202
    assert as_alice.get("/v1/models/scripted").json()["inputs"]["audio"] == "optional"
    assert as_alice.get("/v1/models/camera").json()["inputs"]["audio"] == "none"


def test_a_gif_has_no_sound(as_alice: ApiClient, body: Body) -> None:
    error = as_alice.post("/v1/videos", body(model="scripted", audio=True, output_format="gif")).json()["error"]
    assert (error["param"], error["details"][0]["type"]) == ("audio", "conflict")


def test_a_remix_keeps_the_sound_where_it_can(as_alice: ApiClient, body: Body) -> None:
    original = as_alice.post("/v1/videos", body(model="scripted", audio=True)).json()["id"]
    for changes, expected in (
        ({}, True),
        ({"audio": False}, False),
        ({"output_format": "gif"}, False),
        ({"model": "camera"}, False),
    ):
        remix = as_alice.post(f"/v1/videos/{original}/remix", changes)
        assert remix.status_code == 202, remix.content
        assert Job.objects.get(pk=remix.json()["id"].removeprefix("vid_")).audio is expected


def test_audio_in_a_batch(send: Sent) -> None:
    requests = video_request(1, model="scripted", audio=True), video_request(2, model="scripted")
    assert send(*requests).status_code == 202
    assert sorted(Job.objects.values_list("audio", flat=True)) == [False, True]


@pytest.mark.parametrize("name", ["audio", "generate_audio"])
def test_audio_in_the_compatibility_layers(as_alice: ApiClient, body: Body, name: str) -> None:
    inputs = {"image": f"data:image/png;base64,{body()['image_base64']}", "prompt": "x", name: True}
    prediction = as_alice.post("/replicate/v1/models/mutoscope/scripted/predictions", {"input": inputs})
    assert prediction.json()["input"]["audio"] is True, prediction.content
    assert as_alice.post("/fal/queue/mutoscope/scripted", inputs).status_code == 200
    assert [*Job.objects.values_list("audio", flat=True)] == [True, True]
    refused = as_alice.post("/fal/queue/mutoscope/camera", inputs)
    assert (refused.status_code, name in refused.content.decode()) == (422, True)


def test_the_create_page_offers_sound_where_the_model_makes_it(mia: Person) -> None:
    assert 'name="audio"' not in mia.get("/").content.decode()
    assert 'name="audio"' in mia.get("/?model=scripted").content.decode()
    fields = {"prompt": "x", "model": "scripted", "audio": "true"}
    assert mia.post("/", fields | {"image": image_upload()}).status_code == 302
    job = Job.objects.get()
    assert job.audio
    assert "checked" in mia.get(f"/?like={job.public_id}").content.decode().partition('name="audio"')[2][:200]
    gif = mia.post("/", fields | {"image": image_upload(), "output_format": "gif"})
    assert "A GIF has no sound" in gif.content.decode()
    ignored = mia.post("/", fields | {"image": image_upload(), "model": "camera"})
    assert (ignored.status_code, Job.objects.get(model="camera").audio) == (302, False)


def test_the_page_of_a_video_says_whether_it_has_sound(mia: Person) -> None:
    for has_audio in (True, False):
        video = finished_video(mia, has_audio=has_audio)
        page = mia.get(f"/videos/{video.public_id}").content.decode()
        assert ("<dt>Sound</dt>" in page) is has_audio
