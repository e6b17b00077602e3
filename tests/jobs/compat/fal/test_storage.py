"""Uploads through fal's storage API. The client sends the file itself without its key, with a signed link."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from tests.support.images import CAT
from tests.support.people import Person

pytestmark = pytest.mark.django_db(transaction=True)

INITIATE = "/fal/rest/storage/upload/initiate"


def initiate(client: Client, who: Person, **fields: str) -> dict[str, str]:
    body = {"file_name": "cat.jpg", "content_type": "image/jpeg", **fields}
    response = client.post(f"{INITIATE}?storage_type=fal-cdn-v3", body, "application/json", headers=who.headers)
    assert response.status_code == 200, response.content
    links: dict[str, str] = response.json()
    return links


def send(client: Client, url: str) -> Any:
    return client.put(url, CAT.read_bytes(), "image/jpeg")


def test_a_file_is_sent_once_and_used_as_an_input(client: Client, alice: Person) -> None:
    links = initiate(client, alice)
    assert send(client, links["upload_url"]).status_code == 200
    again = send(client, links["upload_url"])
    assert (again.status_code, again.json()["error_type"]) == (400, "already_uploaded")
    body = {"image_url": links["file_url"], "prompt": "the camera pans left", "size": "256x256"}
    for _ in range(2):  # the refused file has not replaced the first one
        created = client.post("/fal/queue/mutoscope/camera", body, "application/json", headers=alice.headers)
        assert (created.status_code, created.json()["status"]) == (200, "IN_QUEUE"), created.content


def test_a_file_that_was_not_sent_is_not_found(client: Client, alice: Person) -> None:
    body = {"image_url": initiate(client, alice)["file_url"], "prompt": "the camera pans left"}
    response = client.post("/fal/queue/mutoscope/camera", body, "application/json", headers=alice.headers)
    assert response.status_code == 404


@pytest.mark.parametrize("change", ["another file", "no token", "another token"])
def test_invalid_links(client: Client, alice: Person, change: str) -> None:
    url, other = (initiate(client, alice)["upload_url"] for _ in range(2))
    changed = {
        "another file": f"{other.partition('?')[0]}?{url.partition('?')[2]}",
        "no token": url.partition("?")[0],
        "another token": url[:-3] + "abc",
    }
    response = send(client, changed[change])
    assert (response.status_code, response.json()["error_type"]) == (401, "link_invalid")


def test_a_link_ends_with_the_key_that_asked_for_it(client: Client, alice: Person) -> None:
    url = initiate(client, alice)["upload_url"]
    ApiKey.objects.filter(team=alice.team).update(revoked_at=timezone.now())
    assert send(client, url).status_code == 401


def test_a_link_ends_with_the_membership(client: Client, alice: Person) -> None:
    url = initiate(client, alice)["upload_url"]
    alice.user.memberships.all().delete()
    assert send(client, url).status_code == 401


def test_files_of_another_team_do_not_exist(client: Client, alice: Person, charlie: Person) -> None:
    links = initiate(client, alice)
    assert send(client, links["upload_url"]).status_code == 200
    body = {"image_url": links["file_url"], "prompt": "the camera pans left"}
    response = client.post("/fal/queue/mutoscope/camera", body, "application/json", headers=charlie.headers)
    assert response.status_code == 404
