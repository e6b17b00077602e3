"""A model whose licence nobody has accepted is offered nowhere, and refused in the same way by every entrance."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Team
from common.clock import DatabaseNow
from inference.models.descriptor import ModelDescriptor
from jobs.licenses.services import accept_license, withdraw_acceptances
from jobs.models import Job, Worker
from tests.support.api_client import ApiClient
from tests.support.batches import Sent, video_request
from tests.support.people import Person
from tests.support.videos import claim_next

pytestmark = pytest.mark.django_db
CODE = "license_not_accepted"
Offer = Callable[..., ModelDescriptor]
Body = Callable[..., dict[str, Any]]


def accept(model: ModelDescriptor, person: Person) -> None:
    accept_license(model, user=person.user, name=model.license.name, url=model.license.url)


@pytest.mark.parametrize("url", ["/v1/videos", "/v1/videos/quote"])
def test_submit_and_quote_are_refused_until_it_is_accepted(
    url: str, licensed_model: Offer, as_alice: ApiClient, body: Body, adele: Person
) -> None:
    model = licensed_model()
    response = as_alice.post(url, body(model="licensed"))
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, CODE, "model")
    assert "an administrator of this site has to accept its licence (Community)" in error["message"]
    accept(model, adele)
    assert as_alice.post(url, body(model="licensed")).status_code in {200, 202}


def test_compatible_apis_and_batches_are_refused(licensed_model: Offer, as_alice: ApiClient, send: Sent) -> None:
    licensed_model()
    image = "data:image/png;base64,iVBORw0KGgo="
    replicate = as_alice.post("/replicate/v1/predictions", {"version": "licensed", "input": {"prompt": "pans"}})
    fal = as_alice.post("/fal/queue/mutoscope/licensed", {"prompt": "pans", "image_url": image})
    generate = as_alice.post("/generate", {"prompt": "pans", "image_base64": image, "model": "licensed"})
    for response in (replicate, fal, generate):
        assert response.status_code in {400, 422}, response.content
        assert "accept its licence" in response.content.decode()
    (item,) = send(video_request(model="licensed")).json()["items"]
    assert item["error"]["code"] == CODE
    assert not Job.objects.exists()


def test_the_catalogue_says_that_it_is_not_accepted(licensed_model: Offer, as_alice: ApiClient, adele: Person) -> None:
    model = licensed_model()
    Worker.objects.create(
        name="w", pool="cpu", model="licensed", device="cpu", state=Worker.State.READY, last_heartbeat_at=DatabaseNow()
    )

    def state() -> tuple[bool, bool, list[str]]:
        (shown,) = [each for each in as_alice.get("/v1/models").json()["data"] if each["id"] == "licensed"]
        assert as_alice.get("/v1/models/licensed").json() == shown
        presets = as_alice.get("/v1/presets").json()["data"]
        return shown["license"]["accepted"], shown["ready"], [p["id"] for p in presets if p["model"] == "licensed"]

    assert state() == (False, False, [])
    accept(model, adele)
    assert state() == (True, True, [*model.presets])


def test_the_create_page_offers_it_when_it_is_accepted(licensed_model: Offer, alice: Person, adele: Person) -> None:
    model = licensed_model()
    assert "Licensed" not in alice.get("/?model=licensed").content.decode()
    accept(model, adele)
    assert "Licensed" in alice.get("/?model=licensed").content.decode()


def test_a_site_without_another_model_says_what_is_missing(
    licensed_model: Offer, alice: Person, as_alice: ApiClient, body: Body, settings: Any
) -> None:
    licensed_model()
    settings.MODELS_ENABLED, settings.DEFAULT_MODEL = ["licensed"], "licensed"
    page = alice.get("/")
    assert page.status_code == 200
    assert "has to accept its licence" in page.content.decode()
    assert as_alice.post("/v1/videos", body()).json()["error"]["code"] == CODE


def test_a_team_s_default_model_applies_once_it_is_accepted(
    licensed_model: Offer, as_alice: ApiClient, body: Body, adele: Person
) -> None:
    model = licensed_model()
    Team.objects.update(default_model="licensed")
    assert as_alice.post("/v1/videos", body()).json()["model"] == "camera"
    accept(model, adele)
    assert as_alice.post("/v1/videos", body()).json()["model"] == "licensed"


@pytest.mark.parametrize("changed", [{"name": "Community 2"}, {"url": "https://licenses.example/2"}])
def test_another_licence_needs_another_acceptance(
    changed: dict[str, str], licensed_model: Offer, as_alice: ApiClient, body: Body, adele: Person
) -> None:
    accept(licensed_model(), adele)
    licensed_model(**changed)
    assert as_alice.post("/v1/videos", body(model="licensed")).json()["error"]["code"] == CODE


def test_queued_videos_are_made_after_a_withdrawal(
    licensed_model: Offer, submit: Callable[..., Job], adele: Person
) -> None:
    model = licensed_model()
    accept(model, adele)
    job = submit(model="licensed")
    withdraw_acceptances(model)
    assert claim_next(models=["licensed"]) == job
