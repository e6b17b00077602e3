"""Error pages: they have the site's design, reveal no cause, and need nothing that may have failed."""

from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tests.support.people import Person


@pytest.mark.parametrize("code", ["400", "403", "404", "405", "429", "500", "503", "403_csrf"])
def test_they_render_without_request_and_database(code: str) -> None:
    page = render_to_string(f"{code}.html")
    assert "entrance-card" in page
    assert f">{code[:3]}<" in page.replace("\n", "").replace(" ", "")


def test_an_unknown_url(mia: Person) -> None:
    response = mia.get("/no/such/page")
    assert response.status_code == 404
    assert b"Page not found" in response.content
    assert b"bottombar" in response.content


def test_opening_the_url_of_a_button_explains_it(mia: Person, anonymous: Client) -> None:
    response = mia.get("/videos/vid_nothing/cancel")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert b"press the button again" in response.content
    assert b"bottombar" in response.content
    assert b"press the button again" in anonymous.get("/team/switch").content


def test_the_api_has_its_own_response_to_a_wrong_method(anonymous: Client) -> None:
    assert anonymous.get("/v1/videos/quote").json()["error"]["code"] in {"unauthenticated", "method_not_allowed"}


def test_a_signed_in_user_keeps_the_navigation(mia: Person, bob: Person, anonymous: Client) -> None:
    assert b"bottombar" in mia.get("/videos/vid_nothing").content
    refused = bob.htmx("/price")
    assert refused.status_code == 403
    assert b"You do not have access to this page" in refused.content
    assert b"bottombar" in refused.content
    assert b"bottombar" not in anonymous.get("/no/such/page").content


def test_an_internal_error_does_not_reveal_its_cause(mia: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("jobs.videos.views.history.list_videos", fail)
    response = mia.get("/history")
    assert response.status_code == 500
    assert b"Something went wrong on our side" in response.content
    assert b"secret cause" not in response.content


def test_a_form_without_its_csrf_token(mia: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = mia.client.cookies
    response = client.post("/api-keys", {"name": "x"})
    assert response.status_code == 403
    assert b"The form has expired" in response.content


def test_pages_have_a_strict_content_security_policy_and_follow_it(mia: Person) -> None:
    response = mia.get("/")
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    page = response.content.decode()
    for forbidden in (" style=", " onclick=", " onload=", "http://", "hx-on", "javascript:"):
        assert forbidden not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize("path", ["//v1/videos", "/V1/videos", "///v1", "/REPLICATE/v1/models", "//generate"])
def test_a_program_with_a_wrong_path_gets_json(path: str) -> None:
    response = Client().get("/", PATH_INFO=path)  # a client would take what follows two slashes for a host
    assert response.status_code == 404
    assert response["Content-Type"].startswith("application/json")
