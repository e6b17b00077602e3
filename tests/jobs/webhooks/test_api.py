"""/v1/webhooks: permissions, secrets, validation, deliveries."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Membership
from accounts.roles import Role, Scope
from jobs.webhooks.models import Delivery, Endpoint
from tests.support.api_client import ApiClient
from tests.support.people import Person

BODY = {"url": "https://example.com/hook"}


def test_the_secret_is_returned_only_when_it_is_created(as_alice: ApiClient) -> None:
    created = as_alice.post("/v1/webhooks", BODY)
    assert created.status_code == 201
    webhook = created.json()
    assert webhook["secret"].startswith("whsec_")
    assert webhook["events"] == ["video.canceled", "video.completed", "video.expired", "video.failed"]
    retrieved = as_alice.get(f"/v1/webhooks/{webhook['id']}").json()
    assert "secret" not in retrieved
    listed = as_alice.get("/v1/webhooks").json()
    assert listed["data"] == [retrieved]
    rotated = as_alice.post(f"/v1/webhooks/{webhook['id']}/rotate", {}).json()
    assert rotated["secret"] not in {webhook["secret"], ""}
    assert rotated["former_secret_until"]


def test_update_disable_and_delete(as_alice: ApiClient) -> None:
    identifier = as_alice.post("/v1/webhooks", BODY).json()["id"]
    path = f"/v1/webhooks/{identifier}"
    changed = as_alice.client.patch(
        path,
        {"events": ["video.started"], "enabled": False, "description": "mine"},
        content_type="application/json",
        headers=as_alice.headers,
    ).json()
    assert (changed["events"], changed["enabled"], changed["description"]) == (["video.started"], False, "mine")
    assert as_alice.post(f"{path}/ping").status_code == 409
    assert as_alice.delete(path).json() == {"id": identifier, "object": "webhook.deleted", "deleted": True}
    assert as_alice.get(path).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "http://["}, "url"),
        ({"url": "https://name:secret@example.com"}, "url"),
        ({"url": "https://exam ple.com/"}, "url"),
        ({"url": "https://example.com:99999/"}, "url"),
        ({"url": "x" * 3000}, "url"),
        ({"url": 5}, "url"),
        ({"url": "https://example.com/\x00"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["video.born"]}, "events"),
        ({"color": "red"}, "color"),
    ],
)
def test_invalid_fields_are_refused(as_alice: ApiClient, change: dict[str, Any], field: str) -> None:
    response = as_alice.post("/v1/webhooks", {**BODY, **change})
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["loc"][0] == field
    assert not Endpoint.objects.exists()


def test_a_team_has_a_maximum_number_of_webhooks(as_alice: ApiClient) -> None:
    for _ in range(20):
        assert as_alice.post("/v1/webhooks", BODY).status_code == 201
    response = as_alice.post("/v1/webhooks", BODY)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "too_many_webhooks")


def test_ping_deliveries_and_redelivery(as_alice: ApiClient) -> None:
    identifier = as_alice.post("/v1/webhooks", BODY).json()["id"]
    pinged = as_alice.post(f"/v1/webhooks/{identifier}/ping")
    assert pinged.status_code == 202
    Delivery.objects.update(state="failed", next_try_at=None, finished_at="2026-01-01T00:00:00Z", tries=10)
    log = as_alice.get(f"/v1/webhooks/{identifier}/deliveries?state=failed").json()
    [delivery] = log["data"]
    assert (delivery["id"], delivery["event"]) == (pinged.json()["id"], "ping")
    again = as_alice.post(f"/v1/webhooks/{identifier}/deliveries/{delivery['id']}/redeliver")
    assert (again.status_code, again.json()["state"], again.json()["tries"]) == (202, "pending", 0)
    assert again.json()["event_id"] == delivery["event_id"]


def test_attempts_keep_the_former_names_of_their_fields(as_alice: ApiClient) -> None:
    identifier = as_alice.post("/v1/webhooks", BODY).json()["id"]
    as_alice.post(f"/v1/webhooks/{identifier}/ping")
    delivery = Delivery.objects.get()
    delivery.attempts.create(number=1, seconds=1, status=500, response_excerpt="no")
    delivery.attempts.create(number=2, seconds=1, error="The connection failed.")
    refused, failed = as_alice.get(f"/v1/webhooks/{identifier}/deliveries").json()["data"][0]["attempts"]
    assert (refused["response_excerpt"], refused["answer"], refused["error"]) == ("no", "no", None)
    assert (failed["error"], failed["trouble"]) == ("The connection failed.", "The connection failed.")


def test_the_secret_for_single_jobs_is_stable_and_not_in_the_list(as_alice: ApiClient, as_charlie: ApiClient) -> None:
    secret = as_alice.get("/v1/webhooks/job-secret").json()["secret"]
    assert as_alice.get("/v1/webhooks/job-secret").json()["secret"] == secret
    assert as_charlie.get("/v1/webhooks/job-secret").json()["secret"] != secret
    assert as_alice.get("/v1/webhooks").json()["data"] == []


def test_the_scope_is_required(as_bob: ApiClient, bob: Person, limited_key: Callable[[Scope], ApiClient]) -> None:
    assert as_bob.post("/v1/webhooks", BODY).status_code == 403
    Membership.objects.filter(user=bob.user).update(role=Role.MEMBER)
    assert as_bob.get("/v1/webhooks").status_code == 403
    assert limited_key(Scope.VIDEOS_WRITE).get("/v1/webhooks").status_code == 403
    assert limited_key(Scope.WEBHOOKS_MANAGE).get("/v1/webhooks").status_code == 200


@pytest.mark.parametrize("route", ["", "/ping", "/rotate", "/deliveries", "/deliveries/dlv_{zeros}/redeliver"])
def test_webhooks_of_another_team_are_not_found(as_alice: ApiClient, as_charlie: ApiClient, route: str) -> None:
    identifier = as_alice.post("/v1/webhooks", BODY).json()["id"]
    absent = "whk_" + "0" * 32
    route = route.format(zeros="0" * 32)
    send = as_charlie.get if route in {"", "/deliveries"} else as_charlie.post
    foreign, missing = (send(f"/v1/webhooks/{candidate}{route}") for candidate in (identifier, absent))
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["error"]["message"].replace(identifier, absent) == missing.json()["error"]["message"]


def test_the_webhook_url_of_a_job_is_validated(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> None:
    response = as_alice.post("/v1/videos", body(webhook_url="file:///etc/passwd"))
    assert (response.status_code, response.json()["error"]["param"]) == (422, "webhook_url")
