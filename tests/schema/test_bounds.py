"""8 MB in any field of any body: refused, in little processor time and memory."""

import copy
import json
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from typing import Any

import pytest
from django.test import Client

from jobs.api.fields import TextField
from jobs.compat.inputs import IMAGE_INPUT_NAMES
from portal.web.body_limits import request_error
from tests.isolation.routes import PARAMETER
from tests.isolation.test_matrix import ids_of_owner
from tests.isolation.world import World
from tests.schema.bodies import BODY_ENDPOINTS, VALID_BODIES, BodyCase, response_problem
from tests.schema.bounds import SIZE, respond_within_bounds

_PLACEHOLDER = "the hostile value"
# Each is slow for a careless expression, conversion or copy.
HOSTILE_VALUES = {
    kind: json.dumps(value).encode()
    for kind, value in {
        "url": "https://" + "a." * (SIZE // 2),
        "spaces": " " * SIZE,
        "number": "1." + "0" * SIZE,
        "base64": "data:image/png;base64," + "A\n" * (SIZE // 2),
        "list": [[]] * (SIZE // 4),
        "object": {str(number): "" for number in range(SIZE // 12)},
        "short list": [{}] * 25_000,
        "keys": {"a" * 100_000 + str(number): "" for number in range(SIZE // 100_000)},
    }.items()
}


# Committed rows: no transaction is idle while a body is built and parsed.
@pytest.mark.django_db(transaction=True)
def test_large_values_are_refused_in_bounded_time_and_memory(
    world: World, client: Client, description: dict[str, Any]
) -> None:
    ids, kinds, tried = ids_of_owner(world), cycle(HOSTILE_VALUES), 0
    for method, route in BODY_ENDPOINTS:
        for location in locations(description, method, route):
            send_large_value(client, ids, method, route, location, next(kinds))
            tried += 1
    assert tried > 200


@pytest.mark.django_db(transaction=True)
def test_an_expression_before_the_check_of_the_length_is_found(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextField, "_max_sent_length", lambda _field: 10 * SIZE)
    with pytest.raises(AssertionError, match="took"):
        send_large_value(client, ids_of_owner(world), "POST", "v1/webhooks", ("url",), "url")


def send_large_value(
    client: Client, ids: dict[str, Any], method: str, route: str, location: tuple[str | int, ...], kind: str
) -> None:
    """Send an otherwise valid body. Fail if it is not refused in little time and memory."""
    body = copy.deepcopy(VALID_BODIES.get(route, {}))
    put(body, location, _PLACEHOLDER)
    case = BodyCase(method, route, "application/json", json.dumps(body).encode())
    sent = case.filled(ids).replace(json.dumps(_PLACEHOLDER).encode(), HOSTILE_VALUES[kind])
    what = f"{method} /{route}, {kind} as {'.'.join(map(str, location))}"
    response = respond_within_bounds(partial(client.generic, method, case.url(ids), sent, case.content_type), what)
    assert response_problem(case.url(ids), response.status_code, response.json()) is None, what
    # Some endpoints ignore their body, and a batch reports the errors of its requests in the response.
    assert response.status_code >= 400 or location == ("unknown",) or route == "v1/batches", what
    assert len(response.content) < 20_000, what


def test_only_bodies_with_an_image_may_be_large(description: dict[str, Any]) -> None:
    for method, route in BODY_ENDPOINTS:
        has_image = any("image" in str(name) for location in locations(description, method, route) for name in location)
        path = "/" + PARAMETER.sub("x", route)
        is_large_allowed = request_error({"content-length": "2000000"}, path) is None
        assert is_large_allowed or not has_image, path
        # A remix may have a last image, where a model of the site takes one.
        assert has_image or not is_large_allowed or path.startswith(("/replicate/", "/fal/", "/v1/videos/x/remix")), (
            path
        )
        form = {"content-length": "2000000", "content-type": "Application/X-WWW-form-urlencoded; charset=utf-8"}
        assert request_error(form, path) is not None, path
    for path in ("/accounts/login/", "/admin/login/", "/team", "/v1/webhooks"):
        error = request_error({"content-length": "2000000"}, path)
        assert error is not None
        assert error.status == 413


def locations(description: dict[str, Any], method: str, route: str) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of each field of a body, and of an unknown one. Batches and predictions contain requests."""
    yield ("unknown",)
    video_fields = fields(description, "POST", "v1/videos")
    if route.startswith("v1/") or route == "generate":
        yield from ((name,) for name in fields(description, method, route))
        if route == "v1/batches":
            yield from (("requests", 0, name) for name in [*video_fields, "custom_id", "image_name", "source_video"])
    elif "input" in VALID_BODIES.get(route, {}):
        yield from ((name,) for name in ("version", "webhook", "webhook_events_filter", "input"))
        yield from (("input", name) for name in [*video_fields, *IMAGE_INPUT_NAMES, "duration"])
    elif route in VALID_BODIES:
        yield from ((name,) for name in [*video_fields, *IMAGE_INPUT_NAMES, "duration"])


def fields(description: dict[str, Any], method: str, route: str, kind: str = "application/json") -> list[str]:
    """Return the names of the fields of an operation's body of this type."""
    path = "/" + PARAMETER.sub(lambda found: f"{{{found[1] or found[2]}}}", route)
    operation = description["paths"].get(path, {}).get(method.lower(), {})
    schema = operation.get("requestBody", {}).get("content", {}).get(kind, {}).get("schema", {})
    if "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", {}))


def put(body: dict[str, Any], location: tuple[str | int, ...], value: Any) -> None:
    inner: Any = body
    for step in location[:-1]:
        inner = inner[step]
    inner[location[-1]] = value
