"""A form that is submitted twice."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.core.cache import cache

from accounts.models import ApiKey, Team
from jobs.galleries.models import Collection
from jobs.webhooks.models import Endpoint
from tests.support.people import Person

NONCE = re.compile(r'name="form_nonce" value="([0-9a-f]{32})"')
KEY = {"name": "batch script", "scopes": ["videos:read"], "expires": "90"}


def _nonce(person: Person, path: str) -> str:
    found = NONCE.search(person.get(path).content.decode())
    assert found, path
    return found[1]


@pytest.mark.parametrize(
    ("page", "path", "data", "model"),
    [
        ("/team/new", "/team/new", {"name": "Reels"}, Team),
        ("/api-keys", "/api-keys", KEY, ApiKey),
        ("/webhooks", "/webhooks", {"url": "https://example.com/hook", "events": ["video.completed"]}, Endpoint),
        ("/gallery/collections/new", "/gallery/collections", {"name": "Best"}, Collection),
    ],
)
def test_a_form_that_is_submitted_twice_creates_one_row(
    page: str, path: str, data: dict[str, Any], model: Any, alice: Person
) -> None:
    before = model.objects.count()
    sent = data | {"form_nonce": _nonce(alice, page)}
    first, second = alice.post(path, sent), alice.post(path, sent)
    assert first.status_code < 400, first.content
    assert model.objects.count() == before + 1
    if first.status_code == 302:
        assert second.headers["Location"] == first.headers["Location"]
    else:
        assert second.status_code == 409
        assert "already submitted" in second.content.decode()
    again = data | {"form_nonce": _nonce(alice, page), "name": "another"}
    assert alice.post(path, again).status_code < 400
    assert model.objects.count() == before + 2


def test_a_refused_form_may_be_submitted_again(alice: Person) -> None:
    nonce = _nonce(alice, "/team/new")
    assert alice.post("/team/new", {"name": "", "form_nonce": nonce}).status_code == 422
    assert alice.post("/team/new", {"name": "Reels", "form_nonce": nonce}).status_code == 302


def test_a_form_is_known_among_the_forms_of_many_people(alice: Person) -> None:
    sent = {"name": "Reels", "form_nonce": _nonce(alice, "/team/new")}
    alice.post("/team/new", sent)
    for number in range(400):
        cache.set(f"others:{number}", "", 600)
    alice.post("/team/new", sent)
    assert Team.objects.filter(name="Reels").count() == 1


def test_htmx_is_told_that_the_form_was_submitted(alice: Person) -> None:
    sent = KEY | {"form_nonce": _nonce(alice, "/api-keys")}
    assert alice.htmx("/api-keys", sent).status_code == 201
    second = alice.htmx("/api-keys", sent)
    assert (second.status_code, second["HX-Reswap"]) == (409, "none")
    assert "alreadySubmitted" in second["HX-Trigger"]


@pytest.mark.django_db(transaction=True)
def test_two_submits_at_once_create_one_team(live_server: Any, alice: Person) -> None:
    nonce = _nonce(alice, "/team/new")
    cookies = {"sessionid": alice.cookie, "csrftoken": alice.client.cookies["csrftoken"].value}

    def submit(_: int) -> requests.Response:
        data = {"name": "Reels", "form_nonce": nonce, "csrfmiddlewaretoken": cookies["csrftoken"]}
        return requests.post(
            f"{live_server.url}/team/new", data=data, cookies=cookies, allow_redirects=False, timeout=60
        )

    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(submit, range(2)))
    assert [response.headers.get("Location") for response in responses] == ["/team", "/team"]
    assert Team.objects.filter(name="Reels").count() == 1
