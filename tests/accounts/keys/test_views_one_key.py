"""The page of one API key: allowed networks, caps, rotation, permissions."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.keys.services import create_api_key
from accounts.models import ApiKey
from accounts.roles import Scope
from tests.support.people import Person

FIELDS = {"name": "batch script", "scopes": ["videos:read"], "expires": "30"}
NO_CAPS = {"credits_per_month": "", "videos_per_day": "", "requests_per_minute": ""}


def request_status(secret: str, address: str = "127.0.0.1") -> Any:
    client = Client(REMOTE_ADDR=address, raise_request_exception=False)
    return client.get("/v1/videos", headers={"Authorization": f"Bearer {secret}"})


def secret_in(response: Any) -> str:
    match = re.search(r"mts_[0-9a-f]{12}_[\w-]{43}", response.content.decode())
    assert match, response.content
    return match[0]


def key_of(person: Person, **columns: Any) -> tuple[ApiKey, str]:
    return create_api_key(team=person.team, creator=person.user, name="k", **columns)


def test_create_a_key_with_networks_caps_and_exact_day(mia: Person) -> None:
    fields = {
        **FIELDS,
        "expires_on": "2030-12-31",
        "allowed_networks": "192.0.2.7, 10.1.2.3/8\n2001:DB8::1/32\n::ffff:198.51.100.0/120\n10.0.0.0/8",
        "credits_per_month": "100",
        "videos_per_day": "0",
        "requests_per_minute": "5",
    }
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC)):
        assert mia.post("/api-keys", fields).status_code == 201
    key = ApiKey.objects.get()
    assert key.expires_at == datetime(2031, 1, 1, tzinfo=UTC)
    assert key.allowed_networks == ["192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32", "198.51.100.0/24"]
    assert (key.credits_per_month, key.videos_per_day, key.requests_per_minute) == (100, 0, 5)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("allowed_networks", "the office", "“the” is not an IP address"),
        ("allowed_networks", "192.0.2.0/33", "is not an IP address"),
        ("allowed_networks", "fe80::1%eth0/64", "is not an IP address"),
        ("allowed_networks", "192.0.2.1\0", "is not an IP address"),
        ("allowed_networks", " ".join(f"10.0.0.{number}" for number in range(51)), "At most 50"),
        ("expires_on", "2020-01-01", "from today on"),
        ("expires_on", "9999-12-31", "from today on"),
        ("expires_on", "tomorrow", "valid date"),
        ("credits_per_month", "-1", "greater than or equal to 0"),
        ("videos_per_day", "2147483648", "less than or equal to"),
        ("requests_per_minute", "many", "whole number"),
    ],
)
def test_invalid_fields_are_reported_and_no_key_is_created(field: str, value: str, expected: str, mia: Person) -> None:
    response = mia.htmx("/api-keys", {**FIELDS, field: value})
    assert response.status_code == 422
    assert expected in response.content.decode()
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        ([], "203.0.113.9", 200),
        (["192.0.2.0/24"], "192.0.2.77", 200),
        (["192.0.2.0/24"], "192.0.3.1", 401),
        (["192.0.2.0/24"], "::ffff:192.0.2.77", 200),
        (["192.0.2.0/24"], "::ffff:192.0.3.1", 401),
        (["192.0.2.0/24"], "2001:db8::1", 401),
        (["192.0.2.0/24", "2001:db8::/32"], "2001:db8::1", 200),
    ],
)
def test_a_key_works_only_from_its_networks(networks: list[str], address: str, status: int, mia: Person) -> None:
    _, secret = key_of(mia, allowed_networks=networks)
    response = request_status(secret, address)
    assert response.status_code == status
    if status == 401:
        assert response.json()["error"]["code"] == "address_not_allowed"


def test_changing_networks_warns_about_locking_oneself_out(mia: Person) -> None:
    key, secret = key_of(mia)
    path = f"/api-keys/{key.prefix}"
    assert "Yours is 127.0.0.1." in mia.get(path).content.decode()
    mia.post(path, {"name": "renamed", "allowed_networks": "192.0.2.0/24"})
    page = mia.get(path).content.decode()
    assert "does not work from here" in page
    assert "192.0.2.0/24" in page
    assert request_status(secret).status_code == 401
    assert request_status(secret, "192.0.2.1").status_code == 200
    mia.post(path, {"name": "renamed", "allowed_networks": ""})
    assert request_status(secret).status_code == 200
    assert ApiKey.objects.get().name == "renamed"
    assert mia.post(path, {"name": "", "allowed_networks": "x"}).status_code == 422


def test_the_last_use_is_recorded_once_per_minute(mia: Person) -> None:
    key, secret = key_of(mia)
    with time_machine.travel(datetime(2026, 5, 5, tzinfo=UTC), tick=False) as clock:
        request_status(secret, "::ffff:192.0.2.1")
        clock.shift(30)
        request_status(secret, "192.0.2.2")
        key.refresh_from_db()
        assert (key.last_used_at, key.last_used_ip) == (datetime(2026, 5, 5, tzinfo=UTC), "192.0.2.1")
        clock.shift(31)
        request_status(secret, "2001:db8::1")
        key.refresh_from_db()
        assert (key.last_used_at, key.last_used_ip) == (timezone.now(), "2001:db8::1")
    assert "2001:db8::1" in mia.get("/api-keys").content.decode()


def test_rotation_creates_a_key_with_the_same_permissions_and_an_overlap(mia: Person) -> None:
    ends = timezone.now() + timedelta(days=100)
    old, old_secret = key_of(
        mia,
        scopes=[Scope.VIDEOS_READ],
        expires_at=ends,
        allowed_networks=["127.0.0.0/8"],
        credits_per_month=5,
        videos_per_day=6,
        requests_per_minute=700,
    )
    response = mia.post(f"/api-keys/{old.prefix}/rotate", {"overlap": "24"})
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    new_secret = secret_in(response)
    new = ApiKey.objects.get(rotated_from=old)
    for name in ("team", "creator", "name", "scopes", "allowed_networks", "credits_per_month", "videos_per_day"):
        assert getattr(new, name) == getattr(old, name), name
    assert new.requests_per_minute == 700
    assert new.expires_at and abs(new.expires_at - ends) < timedelta(minutes=1)
    assert (request_status(old_secret).status_code, request_status(new_secret).status_code) == (200, 200)
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        assert request_status(old_secret).json()["error"]["code"] == "expired_key"
        assert request_status(new_secret).status_code == 200


def test_a_key_is_rotated_once_and_an_invalid_key_never(mia: Person) -> None:
    key, secret = key_of(mia)
    path = f"/api-keys/{key.prefix}/rotate"
    assert mia.post(path, {"overlap": "0"}).status_code == 201
    assert request_status(secret).status_code == 401
    assert mia.post(path, {"overlap": "24"}).status_code == 302
    assert request_status(secret).status_code == 401
    revoked, _ = key_of(mia)
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now())
    assert mia.post(f"/api-keys/{revoked.prefix}/rotate", {"overlap": "0"}).status_code == 302
    other, _ = key_of(mia)
    assert mia.post(f"/api-keys/{other.prefix}/rotate", {"overlap": "99999"}).status_code == 422
    assert ApiKey.objects.count() == 4


def test_an_overlap_does_not_extend_the_old_key(mia: Person) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    key, _ = key_of(mia, expires_at=soon)
    mia.post(f"/api-keys/{key.prefix}/rotate", {"overlap": "720"})
    key.refresh_from_db()
    assert key.expires_at == soon


def test_a_manager_caps_and_revokes_all_keys_but_cannot_rotate_them(
    alice: Person, mia: Person, bob: Person, charlie: Person
) -> None:
    key, secret = key_of(mia)
    path = f"/api-keys/{key.prefix}"
    changes = {"name": "k", "allowed_networks": "", **NO_CAPS, "requests_per_minute": "1"}
    # The creator can rename it, but cannot change the caps that a manager set.
    assert alice.post(path, changes).status_code == 302
    assert mia.post(path, {**changes, "requests_per_minute": "1000"}).status_code == 302
    assert "requests_per_minute" not in mia.get(path).content.decode()
    assert ApiKey.objects.get().requests_per_minute == 1
    assert [request_status(secret).status_code for _ in range(2)] == [200, 429]
    assert alice.post(f"{path}/rotate", {"overlap": "0"}).status_code == 404
    for stranger in (bob, charlie):
        assert stranger.get(path).status_code == 404
        for action in ("", "/rotate", "/revoke"):
            assert stranger.post(path + action, {**changes, "overlap": "0"}).status_code in {403, 404}
    assert alice.post(f"{path}/revoke")["Location"] == "/api-keys/team"
    assert request_status(secret).json()["error"]["code"] == "revoked_key"
    assert alice.post(path, changes).status_code == 302
    assert "is no longer valid" in alice.get(path).content.decode()


def test_pages_show_prefixes_but_no_hashes(alice: Person) -> None:
    key, secret = key_of(alice)
    for path in ("/api-keys", "/api-keys/team", f"/api-keys/{key.prefix}"):
        page = alice.get(path).content.decode()
        assert f"mts_{key.prefix}_…" in page
        assert secret not in page
        assert bytes(key.secret_sha256).hex() not in page
