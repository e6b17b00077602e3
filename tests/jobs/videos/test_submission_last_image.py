"""The last image of a video: who takes one, through which entrance it comes, and where it is stored."""

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from accounts.quota.models import Wallet
from common.errors import Conflict
from inference.models.catalogue import MODELS
from jobs.models import Job
from jobs.queue.retry import retry_job
from jobs.states import State
from jobs.storage.files import load_last_image, load_source_image, store_file
from jobs.videos import services
from jobs.videos.orphans import sweep_orphans
from tests.support.api_client import ApiClient
from tests.support.images import image_upload, png
from tests.support.people import Person

pytestmark = pytest.mark.django_db

A14B = "wan-i2v-a14b"
LAST = base64.b64encode(png(64, 64, "red")).decode()


@pytest.fixture(autouse=True)
def three_models(settings: Any, alice: Person) -> None:
    settings.MODELS_ENABLED = ["camera", "wan-ti2v-5b", A14B]
    Wallet.objects.filter(team=alice.team).update(balance=10_000)


@pytest.fixture
def a14b(body: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The body of a request with a last image."""
    return lambda **changes: body(
        **{"model": A14B, "resolution": "480p", "num_frames": 5, "last_image_base64": LAST} | changes
    )


def colors(job: Job) -> list[Any]:
    """Return the color of the first pixel of both images of a job."""
    return [
        Image.open(BytesIO(load(job))).convert("RGB").getpixel((0, 0)) for load in (load_source_image, load_last_image)
    ]


def job_of(response: Any) -> Job:
    assert response.status_code == 202, response.content
    return Job.objects.get(pk=response.json()["id"].removeprefix("vid_"))


RED, TEAL, BLUE = (255, 0, 0), (0, 128, 128), (0, 0, 255)


def test_json_and_forms_take_it_and_the_first_image_gives_the_shape(
    as_alice: ApiClient, alice: Person, client: Client, a14b: Callable[..., dict[str, Any]]
) -> None:
    job = job_of(as_alice.post("/v1/videos", a14b()))
    assert (job.width, job.height) == (720, 544)  # 96 x 64 is nearest to 4:3
    assert colors(job) == [TEAL, RED]
    form = {"prompt": "x", "model": A14B, "image": image_upload(), "last_image": image_upload((30, 90))}
    assert job_of(client.post("/v1/videos", form, headers=alice.headers)).last_image_key
    quoted = as_alice.post("/v1/videos/quote", a14b())
    assert (quoted.status_code, quoted.json()["credits"]) == (200, job.quoted_credits)


@pytest.mark.parametrize("model", ["camera", "wan-ti2v-5b"])
def test_a_model_that_takes_none_names_those_that_do(
    as_alice: ApiClient, a14b: Callable[..., dict[str, Any]], model: str
) -> None:
    response = as_alice.post("/v1/videos", a14b(model=model))
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["details"][0]["type"]) == (
        422,
        "last_image_base64",
        "not_supported",
    )
    assert f"{model} takes no last image. Remove it, or choose a model that takes one: {A14B}." in error["message"]
    inputs = {each["id"]: each["inputs"]["last_image"] for each in as_alice.get("/v1/models").json()["data"]}
    assert inputs == {"camera": "none", "wan-ti2v-5b": "none", A14B: "optional"}


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"last_image_base64": "@@@"}, 422, "last_image_base64"),
        ({"last_image_base64": base64.b64encode(b"text").decode()}, 415, "last_image_base64"),
        ({"last_image_base64": base64.b64encode(png(9000, 2)).decode()}, 413, "last_image_base64"),
        ({"last_image_url": "https://example.com/a.png", "last_image_base64": ...}, 422, "last_image_url"),
        ({"last_image_url": "https://example.com/a.png"}, 422, "last_image_url"),
        ({"last_image": "text"}, 422, "last_image"),
        ({"image_base64": ...}, 422, "image_base64"),
    ],
)
def test_errors_name_the_field(
    as_alice: ApiClient, a14b: Callable[..., dict[str, Any]], changes: dict[str, Any], status: int, field: str
) -> None:
    response = as_alice.post("/v1/videos", a14b(**changes))
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (status, field), error
    assert not Job.objects.exists()


def test_a_model_may_need_one_and_one_alone_is_not_enough(
    as_alice: ApiClient, a14b: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS[A14B]
    for inputs, changes, field in (
        ({"last_image": "required"}, {"last_image_base64": ...}, "last_image_base64"),
        ({"image": "optional"}, {"image_base64": ...}, "image_base64"),
    ):
        changed = model.inputs.model_copy(update=inputs)
        monkeypatch.setitem(MODELS, A14B, model.model_copy(update={"inputs": changed}))
        error = as_alice.post("/v1/videos", a14b(**changes)).json()["error"]
        assert (error["param"], error["details"][0]["type"]) == (field, "required")


def test_a_url_is_fetched_under_the_name_of_its_field(
    as_alice: ApiClient, a14b: Callable[..., dict[str, Any]], settings: Any
) -> None:
    settings.IMAGE_URL_FETCH_ENABLED = True
    for url, code in (("http://example.com/a.png", "not_https"), ("https://127.0.0.1:1/a.png", "private_address")):
        error = as_alice.post("/v1/videos", a14b(last_image_base64=..., last_image_url=url)).json()["error"]
        assert (error["param"], error["details"][0]["type"]) == ("last_image_url", code)


@pytest.mark.parametrize("path", ["/generate", "/v1/generate"])
def test_the_endpoint_of_the_document_has_no_such_field(
    as_alice: ApiClient, a14b: Callable[..., dict[str, Any]], path: str
) -> None:
    response = as_alice.post(path, a14b())
    assert (response.status_code, "last_image_base64" in response.json()["error"]) == (422, True)


def test_a_remix_keeps_or_changes_it(as_alice: ApiClient, a14b: Callable[..., dict[str, Any]]) -> None:
    first = job_of(as_alice.post("/v1/videos", a14b()))
    path = f"/v1/videos/{first.public_id}/remix"
    assert colors(job_of(as_alice.post(path, {"prompt": "y"}))) == [TEAL, RED]
    blue = base64.b64encode(png(64, 64, "blue")).decode()
    assert colors(job_of(as_alice.post(path, {"last_image_base64": blue}))) == [TEAL, BLUE]
    assert not job_of(as_alice.post(path, {"model": "wan-ti2v-5b"})).last_image_key


def test_a_repeat_with_another_last_image_is_another_request(
    as_alice: ApiClient, a14b: Callable[..., dict[str, Any]]
) -> None:
    sent = [
        as_alice.post("/v1/videos", a14b(last_image_base64=image), **{"Idempotency-Key": "k"})
        for image in (
            LAST,
            LAST,
            base64.b64encode(png(color="blue")).decode(),
        )
    ]
    assert [response.status_code for response in sent] == [202, 202, 409]
    assert Job.objects.count() == 1


def test_a_refused_submit_leaves_no_file(
    as_alice: ApiClient, a14b: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[str] = []
    monkeypatch.setattr(services, "store_file", lambda key, content: stored.append(store_file(key, content)))

    def refuse(*_arguments: Any) -> None:
        raise Conflict("no")

    monkeypatch.setattr(services, "lock_membership", lambda **_options: refuse())
    assert as_alice.post("/v1/videos", a14b()).status_code == 409
    assert [key.rpartition("/")[2] for key in stored] == ["source.png", "last.png"]
    assert not any(map(default_storage.exists, stored))


def test_the_sweep_keeps_it_and_an_administrators_retry_copies_it(
    as_alice: ApiClient, a14b: Callable[..., dict[str, Any]], make_job: Callable[..., Job], alice: Person
) -> None:
    job = job_of(as_alice.post("/v1/videos", a14b()))
    Job.objects.filter(pk=job.pk).update(state=State.FAILED, finished_at=job.created_at, attempt=2, error_code="x")
    job.refresh_from_db()
    sweep_orphans(older_than=job.created_at - job.created_at)
    assert default_storage.exists(job.last_image_key)
    again = retry_job(job=job)
    assert again.last_image_key != job.last_image_key
    assert colors(again) == [TEAL, RED]
