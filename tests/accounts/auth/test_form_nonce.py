"""A form that is submitted twice."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.core.cache import cache, caches
from django.db import connection

from accounts.auth import form_nonce
from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Team
from jobs.galleries.models import Collection
from jobs.webhooks.models import Delivery, Endpoint
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
        caches["forms"].set(f"others:{number}", "", 600)
    alice.post("/team/new", sent)
    assert Team.objects.filter(name="Reels").count() == 1


def test_many_forms_do_not_make_the_site_forget_failed_sign_ins(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in caches.all():
        monkeypatch.setattr(each, "_max_entries", 5)
    cache.set("allauth:rl:login_failed", [1], 600)
    for number in range(20):
        alice.post("/team/switch", {"team": str(alice.team.pk), "form_nonce": str(number)})
    assert cache.get("allauth:rl:login_failed") == [1]


def test_a_refusal_that_redirects_may_be_submitted_again(alice: Person) -> None:
    alice.post("/webhooks", {"url": "https://example.com/hook", "events": ["video.completed"]})
    path = f"/webhooks/{Endpoint.objects.get().public_id}"
    alice.post(f"{path}/disable")
    assert alice.post(f"{path}/ping", {"form_nonce": "1"}).status_code == 302
    assert not Delivery.objects.exists()
    alice.post(f"{path}/enable")
    for _ in range(2):
        assert alice.post(f"{path}/ping", {"form_nonce": "1"}).status_code == 302
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(
    ("referer", "target"), [("http://testserver/webhooks/1", "http://testserver/webhooks/1"), ("http://evil/", "/")]
)
def test_the_page_of_the_form_shows_the_result(referer: str, target: str, alice: Person) -> None:
    sent = KEY | {"form_nonce": "1"}
    alice.post("/api-keys", sent)
    second = alice.post("/api-keys", sent, Referer=referer)
    assert f'href="{target}">See the result' in second.content.decode()


def test_a_key_is_rotated_once_by_a_form(alice: Person) -> None:
    prefix = create_api_key(team=alice.team, creator=alice.user, name="k")[0].prefix
    sent = {"overlap": "24", "form_nonce": _nonce(alice, f"/api-keys/{prefix}")}
    assert alice.post(f"/api-keys/{prefix}/rotate", sent).status_code == 201
    second = alice.post(f"/api-keys/{prefix}/rotate", sent)
    assert second.status_code == 409
    assert "a secret that you have not seen" in second.content.decode()


@pytest.mark.parametrize(("expires_after_seconds", "status", "teams"), [(60, 409, 0), (-1, 302, 1)])
def test_a_form_whose_process_was_killed_may_be_submitted_again_later(
    expires_after_seconds: int, status: int, teams: int, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_nonce, "_WAIT_TIMEOUT_SECONDS", 0)
    key = hashlib.sha256(f"{alice.user.pk}:1".encode()).hexdigest()
    caches["forms"].set(key, "pending", expires_after_seconds)
    assert alice.post("/team/new", {"name": "Reels", "form_nonce": "1"}).status_code == status
    assert Team.objects.filter(name="Reels").count() == teams


def test_a_cache_that_cannot_be_written_prevents_no_submit(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_nonce, "_WAIT_TIMEOUT_SECONDS", 0)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE form_cache ADD CHECK (false)")
    assert alice.post("/team/new", {"name": "Reels", "form_nonce": "1"}).status_code == 302
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
