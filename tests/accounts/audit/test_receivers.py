"""Sign-in events in the audit log: who, from where, with which result, and nothing that was typed."""

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client

from accounts.audit.models import AuditEntry, Verb
from accounts.keys.services import create_api_key
from accounts.models import ApiKey, User
from accounts.teams.services import ensure_personal_team
from tests.support.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db

EMAIL = "nora@example.com"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CHANGES = {Verb.INSERT, Verb.UPDATE, Verb.DELETE}


@pytest.fixture
def nora() -> User:
    return make_user(EMAIL)


def sign_in(client: Client, email: str = EMAIL, password: str = PASSWORD) -> Any:
    return client.post(
        "/accounts/login/",
        {"login": email, "password": password},
        headers={"X-Request-Id": "at-the-door"},
        REMOTE_ADDR="9.9.9.9",
    )


def events() -> list[AuditEntry]:
    """Entries that no trigger wrote, in order."""
    return list(AuditEntry.objects.exclude(verb__in=CHANGES).order_by("id"))


def whole_log() -> str:
    return repr(list(AuditEntry.objects.values()))


def test_sign_in_and_sign_out_are_recorded_with_the_ip_address(nora: User, client: Client) -> None:
    assert sign_in(client).status_code == 302
    client.post("/accounts/logout/", REMOTE_ADDR="8.8.8.8")
    found = [(entry.verb, entry.actor, entry.ip, entry.team_id) for entry in events()]
    assert found == [(Verb.SIGN_IN, nora, "9.9.9.9", None), (Verb.SIGN_OUT, nora, "8.8.8.8", None)]
    assert events()[0].request_id == "at-the-door"


def test_signing_out_without_a_session_is_not_recorded(client: Client) -> None:
    client.post("/accounts/logout/")
    assert events() == []


def test_a_wrong_password_is_recorded_without_actor(nora: User, client: Client) -> None:
    sign_in(client, password="typed-by-mistake")
    (entry,) = events()
    assert (entry.verb, entry.actor, entry.ip) == (Verb.SIGN_IN_FAILED, None, "9.9.9.9")
    assert (entry.model, entry.row_id) == ("accounts.User", str(nora.pk))
    assert "typed-by-mistake" not in whole_log()


@pytest.mark.parametrize(
    ("typed", "attempts"),
    [("somebody@example.com", 1), ("my-secret-passphrase", 0), ("nul\0@example.com", 0), ("a" * 400, 0)],
)
def test_unknown_email_addresses_are_not_stored(typed: str, attempts: int, client: Client) -> None:
    """A password may have been typed into the wrong field. What is no email address is not even an attempt."""
    assert sign_in(client, email=typed).status_code == 200
    assert typed.strip("\0") not in whole_log()
    assert [(entry.verb, entry.model, entry.row_id) for entry in events()] == [(Verb.SIGN_IN_FAILED, "", "")] * attempts


def test_an_unknown_email_address_is_recorded_as_a_failure(client: Client) -> None:
    sign_in(client, email="somebody@example.com")
    assert [(entry.verb, entry.actor, entry.ip) for entry in events()] == [(Verb.SIGN_IN_FAILED, None, "9.9.9.9")]


def test_used_and_failed_second_factors_are_recorded(nora: User, client: Client) -> None:
    TOTP.activate(nora, SECRET)
    sign_in(client)
    assert Verb.SIGN_IN not in {entry.verb for entry in events()}  # the password alone does not sign in
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    refused = events()[-1]
    assert (refused.verb, refused.actor, refused.row_id) == (Verb.SECOND_FACTOR_FAILED, None, str(nora.pk))
    code = format_hotp_value(hotp_value(SECRET, next(yield_hotp_counters_from_time())))
    client.post("/accounts/2fa/authenticate/", {"code": code})
    used = next(entry for entry in events() if entry.verb == Verb.SECOND_FACTOR)
    assert (used.actor, used.changes) == (nora, {"type": [None, "totp"]})
    assert Verb.SIGN_IN in {entry.verb for entry in events()}
    assert not {code, "000000", SECRET} & set(whole_log().replace("'", " ").split())


@pytest.fixture
def limited_key(nora: User) -> tuple[ApiKey, str]:
    """A key that may only be used from one network."""
    key, clear = create_api_key(team=ensure_personal_team(user=nora), creator=nora, name="fenced")
    ApiKey.objects.update(allowed_networks=["192.0.2.0/24"])
    return key, clear


def ask(clear: str, address: str) -> int:
    response = Client(headers={"Authorization": f"Bearer {clear}"}).get("/v1/videos", REMOTE_ADDR=address)
    return int(response.status_code)


def test_a_rejected_ip_address_is_in_the_teams_log(limited_key: tuple[ApiKey, str]) -> None:
    key, clear = limited_key
    assert ask(clear, "9.9.9.9") == 401
    (entry,) = events()
    assert (entry.verb, entry.team, entry.api_key, entry.ip) == (Verb.KEY_REFUSED, key.team, key, "9.9.9.9")
    assert (entry.model, entry.row_id, entry.actor) == ("accounts.ApiKey", str(key.pk), None)
    assert clear.rsplit("_", 1)[1] not in whole_log()


def test_repeated_rejections_are_recorded_once(limited_key: tuple[ApiKey, str]) -> None:
    _, clear = limited_key
    assert [ask(clear, address) for address in ("9.9.9.9", "9.9.9.9", "8.8.8.8", "9.9.9.9")] == [401] * 4
    assert sorted(str(entry.ip) for entry in events()) == ["8.8.8.8", "9.9.9.9"]


def test_allowed_addresses_and_wrong_secrets_are_not_recorded(limited_key: tuple[ApiKey, str]) -> None:
    """The prefix alone must not be enough to write into a team's log."""
    key, clear = limited_key
    assert ask(clear, "192.0.2.7") == 200
    assert ask(f"mts_{key.prefix}_wrong", "9.9.9.9") == 401
    assert events() == []
