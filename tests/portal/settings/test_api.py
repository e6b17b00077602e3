"""Pages of other origins, which API_ORIGINS lists, may call the API with a key."""

from typing import Any

import pytest
from django.test import Client

from tests.support.people import Person

APP = "https://app.example.com"


@pytest.fixture(autouse=True)
def origins(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]


def preflight(client: Client, path: str, origin: str = APP) -> Any:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-stainless-os"}
    return client.options(path, headers={"Origin": origin, **asked})


@pytest.mark.parametrize(
    "path", ["/v1/videos", "/generate", "/replicate/v1/predictions", "/fal/queue/mutoscope/camera", "/v1/nothing"]
)
def test_a_preflight_request_needs_no_key(path: str, client: Client) -> None:
    response = preflight(client, path)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, APP)
    allowed = response["Access-Control-Allow-Headers"].split(", ")
    assert {"*", "authorization", "x-stainless-os", "idempotency-key"} <= {*allowed}
    assert "DELETE" in response["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize("key", ["valid", "wrong"])
def test_responses_and_errors_can_be_read(key: str, client: Client, alice: Person) -> None:
    headers = alice.headers if key == "valid" else {"Authorization": "Bearer mts_wrong"}
    response = client.get("/v1/videos", headers={"Origin": APP, **headers})
    assert response.status_code == (200 if key == "valid" else 401)
    assert response["Access-Control-Allow-Origin"] == APP
    exposed = {*response["Access-Control-Expose-Headers"].split(", ")}
    assert {"openai-poll-after-ms", "retry-after", "location", "x-request-id", "x-fal-request-id"} <= exposed
    assert "origin" in response["Vary"]


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/v1/videos", "https://evil.example.com"),
        ("/v1/videos", "http://app.example.com"),
        ("/v1/videos", "null"),
        ("/history", APP),
        ("/v1videos", APP),
        ("/accounts/login/", APP),
    ],
)
def test_other_origins_and_pages_are_closed(path: str, origin: str, client: Client, db: None) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(client, path, origin)
    assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": origin})


def test_no_origin_is_allowed_by_default(client: Client, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = []
    assert "Access-Control-Allow-Origin" not in preflight(client, "/v1/videos")
