"""Error pages: in our look, without leaking what failed, and without needing what may have failed."""

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


def test_an_unknown_address(mia: Person) -> None:
    answer = mia.get("/no/such/page")
    assert answer.status_code == 404
    assert b"Page not found" in answer.content
    assert b"bottombar" in answer.content


def test_the_address_of_a_button_says_so_when_it_is_opened(mia: Person, anonymous: Client) -> None:
    answer = mia.get("/videos/vid_nothing/cancel")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert b"press the button again" in answer.content
    assert b"bottombar" in answer.content
    assert b"press the button again" in anonymous.get("/team/switch").content


def test_the_api_keeps_its_own_answer_to_a_wrong_method(anonymous: Client) -> None:
    assert anonymous.get("/v1/videos/quote").json()["error"]["code"] in {"unauthenticated", "method_not_allowed"}


def test_who_is_signed_in_keeps_the_navigation(mia: Person, bob: Person, anonymous: Client) -> None:
    assert b"bottombar" in mia.get("/videos/vid_nothing").content
    refused = bob.htmx("/price")
    assert refused.status_code == 403
    assert b"You do not have access to this page" in refused.content
    assert b"bottombar" in refused.content
    assert b"bottombar" not in anonymous.get("/no/such/page").content


def test_a_failure_of_ours_says_nothing_of_its_cause(mia: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("jobs.videos.views.history.list_videos", fail)
    answer = mia.get("/history")
    assert answer.status_code == 500
    assert b"Something went wrong on our side" in answer.content
    assert b"secret cause" not in answer.content


def test_a_form_without_its_token(mia: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = mia.client.cookies
    answer = client.post("/api-keys", {"name": "x"})
    assert answer.status_code == 403
    assert b"The form has expired" in answer.content


def test_pages_carry_a_strict_policy_and_keep_to_it(mia: Person) -> None:
    answer = mia.get("/")
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    page = answer.content.decode()
    for forbidden in (" style=", " onclick=", " onload=", "http://", "hx-on", "javascript:"):
        assert forbidden not in page.replace("http://www.w3.org", "")
