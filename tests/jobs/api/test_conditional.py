"""Conditional requests for JSON: a video's state, on the fast path of polls and on the normal view."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from jobs.api.conditional import check_precondition, json_with_etag
from jobs.api.errors import PreconditionFailed
from jobs.models import Job
from tests.support.api_client import ApiClient

BODY = {"id": "vid_1", "text": "戴"}
ETAG = json_with_etag(RequestFactory().get("/"), BODY)["ETag"]
OTHER = '"another"'
DATE = "Sat, 01 Jan 2000 00:00:00 GMT"


def respond(**headers: str) -> HttpResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return json_with_etag(RequestFactory().get("/", headers=names), BODY, {"openai-poll-after-ms": "500"})


def test_the_tag_is_strong_and_names_the_state() -> None:
    whole = respond()
    assert (whole.status_code, whole["Content-Type"]) == (200, "application/json")
    assert whole.content == '{"id":"vid_1","text":"戴"}'.encode()
    assert whole["ETag"].startswith('"')
    other = json_with_etag(RequestFactory().get("/"), {**BODY, "text": ""})
    assert other["ETag"] != whole["ETag"]


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        (ETAG, 304),
        (f"W/{ETAG}", 304),
        (f"{OTHER}, {ETAG}", 304),
        (f"{OTHER},W/{ETAG}", 304),
        ("*", 304),
        (OTHER, 200),
        (f"{OTHER}, W/{OTHER}", 200),
        ("", 200),
        # Not a tag: the quotes belong to it. A tag that only contains ours is another one.
        (ETAG.strip('"'), 200),
        (f'"x{ETAG[1:]}', 200),
        ("no tag at all", 200),
    ],
)
def test_if_none_match(if_none_match: str, status: int) -> None:
    assert respond(If_None_Match=if_none_match).status_code == status


def test_304_has_the_headers_of_the_response_and_no_content() -> None:
    response = respond(If_None_Match=ETAG)
    assert response.content == b""
    assert "Content-Type" not in response
    assert (response["ETag"], response["Cache-Control"]) == (ETAG, "private, no-cache")
    assert response["openai-poll-after-ms"] == "500"


@pytest.mark.parametrize(
    ("if_match", "passes"),
    [
        (ETAG, True),
        (f"{OTHER}, {ETAG}", True),
        ("*", True),
        (OTHER, False),
        # If-Match compares strongly, so a weak tag never matches.
        (f"W/{ETAG}", False),
    ],
)
def test_if_match(if_match: str, passes: bool) -> None:
    if passes:
        assert respond(If_Match=if_match).status_code == 200
    else:
        with pytest.raises(PreconditionFailed) as raised:
            respond(If_Match=if_match)
        assert (raised.value.status, raised.value.param) == (412, "If-Match")


def test_a_date_never_matches_since_the_state_has_none() -> None:
    assert respond(If_Modified_Since=DATE).status_code == 200
    with pytest.raises(PreconditionFailed) as raised:
        respond(If_Unmodified_Since=DATE)
    assert raised.value.param == "If-Unmodified-Since"
    assert respond(If_Unmodified_Since=DATE, If_Match=ETAG).status_code == 200


@pytest.mark.parametrize("status", [200, 206, 304])
def test_other_responses_pass_the_check(status: int) -> None:
    check_precondition(RequestFactory().get("/"), HttpResponse(status=status))


@pytest.fixture(params=["", "?wait=0"])
def path(request: pytest.FixtureRequest, submit: Callable[..., Job]) -> str:
    """A video, by the fast path and by the normal view."""
    return f"/v1/videos/{submit().public_id}{request.param}"


@pytest.mark.parametrize("tags", ["{tag}", "W/{tag}", '"another", {tag}', "*"])
def test_both_ways_to_a_video_know_its_tags(as_alice: ApiClient, path: str, tags: str) -> None:
    whole = as_alice.get(path)
    again = as_alice.get(path, **{"If-None-Match": tags.format(tag=whole["ETag"])})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", whole["ETag"])


@pytest.mark.parametrize(("header", "value"), [("If-Match", OTHER), ("If-Unmodified-Since", DATE)])
def test_both_ways_to_a_video_refuse_another_version(as_alice: ApiClient, path: str, header: str, value: str) -> None:
    headers: dict[str, Any] = {header: value}
    refused = as_alice.get(path, **headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (412, "precondition_failed")
