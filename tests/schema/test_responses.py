"""Real responses have the shape of the OpenAPI description: every field it names, and no other."""

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jsonschema_rs
import pytest
from django.utils import timezone

from accounts.quota.models import Plan
from jobs.models import Job
from jobs.states import State
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.models import Endpoint
from tests.support.api_client import ApiClient
from tests.support.people import Person
from tests.support.videos import claim_next, complete
from tests.support.webhook_receiver import Receiver, respond_with

pytestmark = pytest.mark.django_db(transaction=True)

Check = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def description(description: dict[str, Any]) -> dict[str, Any]:
    """The description, in which objects have no other properties than those that it names."""
    found = copy.deepcopy(description)
    for schema in found["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return found


@pytest.fixture
def check(description: dict[str, Any], as_alice: ApiClient) -> Check:
    """Send a request; its response has the shape that the description gives for the operation and the status."""

    def send(method: str, template: str, body: Any = None, *, status: int = 200, query: str = "", **url: str) -> Any:
        path = template.format(**url) + query
        response = as_alice.client.generic(
            method,
            path,
            data=b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers=as_alice.headers,
        )
        assert response.status_code == status, response.content
        responses = description["paths"][template][method.lower()]["responses"]
        answer = responses.get(str(status)) or responses[f"{status // 100}XX"]
        if "$ref" in answer:
            answer = description["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        schema = answer["content"]["application/json"]["schema"]
        found: dict[str, Any] = response.json()
        jsonschema_rs.validate({**schema, "components": description["components"]}, found)
        return found

    return send


def test_an_additional_property_is_noticed(description: dict[str, Any], check: Check) -> None:
    schema = {"$ref": "#/components/schemas/Collection", "components": description["components"]}
    row = check("POST", "/v1/collections", {"name": "a"}, status=201)
    assert jsonschema_rs.is_valid(schema, row)
    assert not jsonschema_rs.is_valid(schema, {**row, "surprise": 1})
    assert not jsonschema_rs.is_valid(schema, {name: value for name, value in row.items() if name != "order"})


def test_videos(check: Check, body: Callable[..., dict[str, Any]], alice: Person, make_job: Callable[..., Job]) -> None:
    first = check("POST", "/v1/videos", body(metadata={"a": "b"}), status=202)
    assert first["queue"]["position"] >= 0
    video = "/v1/videos/{video_id}"
    polled = check("GET", video, video_id=first["id"])
    # The fast path, which serves a poll without a query, and the ordinary view build one shape.
    assert check("GET", video, video_id=first["id"], query="?wait=0") == polled
    check("POST", "/v1/videos/quote", body())
    check("POST", "/v1/videos/{video_id}/remix", {"prompt": "again"}, video_id=first["id"], status=202)
    check("POST", "/v1/videos/{video_id}/cancel", video_id=first["id"])
    complete(claim_next())
    failed = make_job(
        alice, State.FAILED, error_code="engine_crashed", error_message="The engine crashed.", warnings=["careful"]
    )
    assert check("GET", video, video_id=failed.public_id)["error"]["code"] == "engine_crashed"
    states = {row["status"] for row in check("GET", "/v1/videos")["data"]}
    assert states == {"canceled", "completed", "failed"}


@pytest.mark.parametrize("path", ["/generate", "/v1/generate"])
def test_generate(path: str, check: Check, body: Callable[..., dict[str, Any]], settings: Any) -> None:
    settings.GENERATE_TIMEOUT_SECONDS = 0.01
    assert check("POST", path, body(), status=202)["status"] == "pending"
    assert check("POST", path, {"prompt": "x"}, status=422)["status"] == "failed"


def test_batches(check: Check, body: Callable[..., dict[str, Any]]) -> None:
    created = check("POST", "/v1/batches", {"requests": [body(), {"prompt": "no image"}]}, status=202)
    assert [item["status"] for item in created["items"]] == ["queued", "refused"]
    batch = created["id"]
    complete(claim_next())
    check("GET", "/v1/batches")
    check("GET", "/v1/batches/{batch_id}", batch_id=batch)
    items = check("GET", "/v1/batches/{batch_id}/items", batch_id=batch)["data"]
    assert [bool(item["error"]) for item in items] == [False, True]
    check("POST", "/v1/batches/{batch_id}/cancel", batch_id=batch)


def test_the_gallery(check: Check, submit: Callable[..., Job]) -> None:
    submit()
    job = complete(claim_next())
    publication = check("POST", "/v1/gallery", {"video": job.public_id, "tags": ["a"]}, status=201)["id"]
    one = "/v1/gallery/{publication_id}"
    check("GET", one, publication_id=publication)
    check("PATCH", one, {"caption": "new"}, publication_id=publication)
    assert check("PUT", one + "/favourite", publication_id=publication)["favourite"]
    check("GET", "/v1/gallery")
    collection = check("POST", "/v1/collections", {"name": "a"}, status=201)["id"]
    check("GET", "/v1/collections/{collection_id}", collection_id=collection)
    check("GET", "/v1/collections")
    until = int((timezone.now() + timedelta(days=1)).timestamp())
    new_link = {"target": job.public_id, "expires_at": until, "password": "secret"}
    link = check("POST", "/v1/share-links", new_link, status=201)["id"]
    check("GET", "/v1/share-links")
    assert check("DELETE", "/v1/share-links/{link_id}", link_id=link)["state"] == "revoked"


def test_webhooks(check: Check, endpoint: Callable[..., Endpoint], receiver: Receiver) -> None:
    webhook = endpoint().public_id
    receiver.respond = lambda handler: respond_with(handler, 500)
    one = "/v1/webhooks/{webhook_id}"
    assert "secret" not in check("GET", one, webhook_id=webhook)
    new = check("POST", "/v1/webhooks", {"url": receiver.url}, status=201)
    assert "secret" in new
    assert "secret" in check("POST", one + "/rotate", {}, webhook_id=webhook)
    assert check("PATCH", one, {"enabled": False}, webhook_id=webhook)["disabled_reason"] == "by_hand"
    check("PATCH", one, {"enabled": True}, webhook_id=webhook)
    check("GET", "/v1/webhooks")
    delivery = check("POST", one + "/ping", webhook_id=webhook, status=202)["id"]
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()
    rows = check("GET", one + "/deliveries", webhook_id=webhook)["data"]
    assert [attempt["status"] for attempt in rows[0]["attempts"]] == [500]
    path = one + "/deliveries/{delivery_id}/redeliver"
    check("POST", path, webhook_id=webhook, delivery_id=delivery, status=202)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/presets"])
def test_the_catalogue(path: str, check: Check, settings: Any) -> None:
    settings.MODELS_ENABLED = ["camera", "i2vgen-xl"]
    assert len(check("GET", path)["data"]) >= 2


def test_limits_and_usage(check: Check, submit: Callable[..., Job]) -> None:
    submit()
    assert check("GET", "/v1/limits")["plan"]["allowed_formats"] is None
    Plan.objects.update(allowed_formats=["mp4"], max_pixels=262_144, max_seconds=1.5)
    assert check("GET", "/v1/limits")["plan"]["allowed_formats"] == ["mp4"]
    for group in ("day", "member", "key", "model"):
        assert check("GET", "/v1/usage", query=f"?group_by={group}")["data"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/videos/{video_id}", None, 404),
        ("POST", "/v1/videos", {"prompt": 5, "fps": 99}, 422),
        ("GET", "/v1/collections/{collection_id}", None, 404),
    ],
)
def test_errors(method: str, path: str, body: Any, status: int, check: Check) -> None:
    found = check(method, path, body, status=status, video_id="vid_x", collection_id="col_x")
    assert found["error"]["doc_url"].endswith(found["error"]["code"])
