"""The API keys page: creating, listing and revoking keys."""

import re
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.keys.services import create_api_key
from accounts.models import ApiKey
from accounts.roles import Scope
from tests.support.people import Person

FIELDS = {"name": "batch script", "scopes": ["videos:read", "videos:write"], "expires": "30"}


def status_with(key: str) -> int:
    status: int = Client().get("/v1/videos", headers={"Authorization": f"Bearer {key}"}).status_code
    return status


def test_a_key_is_created_shown_once_used_and_revoked(mia: Person) -> None:
    response = mia.post("/api-keys", FIELDS)
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    match = re.search(r"mts_[0-9a-f]{12}_[\w-]{43}", response.content.decode())
    assert match
    secret = match[0]
    key = ApiKey.objects.get()
    assert (key.team, key.creator, key.name) == (mia.team, mia.user, "batch script")
    assert key.scopes == ["videos:read", "videos:write"]
    assert key.expires_at is not None
    assert 29 <= (key.expires_at - timezone.now()).days <= 30
    assert status_with(secret) == 200
    listed = mia.get("/api-keys").content.decode()
    assert secret not in listed
    assert f"mts_{key.prefix}_…" in listed
    response = mia.post(f"/api-keys/{key.prefix}/revoke")
    assert (response.status_code, response["Location"]) == (302, "/api-keys")
    assert status_with(secret) == 401
    page = mia.get("/api-keys").content.decode()
    assert "was revoked" in page
    assert "Revoked" in page


def test_htmx_gets_the_secret_and_the_updated_list(mia: Person) -> None:
    response = mia.htmx("/api-keys", FIELDS).content.decode()
    assert 'id="secret"' in response
    assert re.search(r'id="keys"\s+hx-swap-oob', response)
    assert "<html" not in response


def test_invalid_fields_are_reported_and_no_key_is_created(mia: Person) -> None:
    for data, expected in (
        ({**FIELDS, "name": ""}, "Give the key a name"),
        ({**FIELDS, "name": "x" * 81}, "at most 80 characters"),
        ({**FIELDS, "scopes": []}, "Choose at least one"),
        ({**FIELDS, "scopes": ["root"]}, "not one of the available choices"),
        ({**FIELDS, "expires": "7000"}, "not one of the available choices"),
    ):
        response = mia.htmx("/api-keys", data)
        assert response.status_code == 422
        assert expected in response.content.decode()
    kept = mia.htmx("/api-keys", {**FIELDS, "scopes": []}).content.decode()
    assert 'value="batch script"' in kept
    assert not ApiKey.objects.exists()


def test_a_key_cannot_have_scopes_beyond_the_role(mia: Person, alice: Person) -> None:
    assert mia.htmx("/api-keys", {**FIELDS, "scopes": [Scope.WEBHOOKS_MANAGE.value]}).status_code == 422
    assert alice.htmx("/api-keys", {**FIELDS, "scopes": [Scope.WEBHOOKS_MANAGE.value]}).status_code == 201


def test_a_viewer_cannot_create_a_key(bob: Person) -> None:
    assert bob.post("/api-keys", FIELDS).status_code == 403
    page = bob.get("/api-keys").content.decode()
    assert "Viewers cannot create API keys." in page
    assert "New key" not in page
    assert not ApiKey.objects.exists()


def test_members_see_their_own_keys_and_managers_all(alice: Person, mia: Person, charlie: Person) -> None:
    keys = {}
    for person in (alice, mia, charlie):
        keys[person.user.email], _ = create_api_key(
            team=person.team, creator=person.user, name=f"of {person.user.email}"
        )

    def names(response: Any) -> set[str]:
        return {key.name for key in response.context["keys"]}

    assert names(alice.get("/api-keys")) == {"of alice@example.com"}
    assert names(alice.get("/api-keys/team")) == {"of alice@example.com", "of mia@example.com"}
    assert "mia@example.com" in alice.get("/api-keys/team").content.decode()
    assert mia.get("/api-keys/team").status_code == 403
    assert names(charlie.get("/api-keys/team")) == {"of charlie@example.com"}
    assert names(mia.get("/api-keys")) == {"of mia@example.com"}
    assert names(charlie.get("/api-keys")) == {"of charlie@example.com"}
    prefix = keys["alice@example.com"].prefix
    assert mia.post(f"/api-keys/{prefix}/revoke").status_code == 404
    assert charlie.post(f"/api-keys/{prefix}/revoke").status_code == 404
    assert alice.post(f"/api-keys/{keys['charlie@example.com'].prefix}/revoke").status_code == 404
    assert alice.post(f"/api-keys/{keys['mia@example.com'].prefix}/revoke").status_code == 302
    assert ApiKey.objects.filter(revoked_at=None).count() == 2


def test_an_expired_key_is_shown_as_expired(mia: Person) -> None:
    create_api_key(team=mia.team, creator=mia.user, name="old", expires_at=timezone.now())
    page = mia.get("/api-keys").content.decode()
    assert "Expired" in page
    assert "/api-keys/" not in page.split("<tbody>")[1]


def test_a_visitor_cannot_create_or_revoke(anonymous: Client) -> None:
    for path in ("/api-keys", "/api-keys/abc/revoke"):
        response = anonymous.post(path, FIELDS)
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/")
