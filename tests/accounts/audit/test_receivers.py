"""What happens at the door is in the audit log: who came in, who was refused, from where; and nothing they typed."""

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


def enter(client: Client, email: str = EMAIL, password: str = PASSWORD) -> Any:
    return client.post(
        "/accounts/login/",
        {"login": email, "password": password},
        headers={"X-Request-Id": "at-the-door"},
        REMOTE_ADDR="9.9.9.9",
    )


def events() -> list[AuditEntry]:
    """What the triggers did not write, in its order."""
    return list(AuditEntry.objects.exclude(verb__in=CHANGES).order_by("id"))


def everything_written() -> str:
    return repr(list(AuditEntry.objects.values()))


def test_who_signs_in_and_out_is_named_with_the_address(nora: User, client: Client) -> None:
    assert enter(client).status_code == 302
    client.post("/accounts/logout/", REMOTE_ADDR="8.8.8.8")
    found = [(entry.verb, entry.actor, entry.ip, entry.team_id) for entry in events()]
    assert found == [(Verb.SIGN_IN, nora, "9.9.9.9", None), (Verb.SIGN_OUT, nora, "8.8.8.8", None)]
    assert events()[0].request_id == "at-the-door"


def test_a_sign_out_of_nobody_is_none(client: Client) -> None:
    client.post("/accounts/logout/")
    assert events() == []


def test_a_wrong_password_is_about_the_account_and_by_nobody(nora: User, client: Client) -> None:
    enter(client, password="typed-by-mistake")
    (entry,) = events()
    assert (entry.verb, entry.actor, entry.ip) == (Verb.SIGN_IN_FAILED, None, "9.9.9.9")
    assert (entry.model, entry.row_id) == ("accounts.User", str(nora.pk))
    assert "typed-by-mistake" not in everything_written()


@pytest.mark.parametrize("typed", ["somebody@example.com", "my-secret-passphrase", "nul\0@example.com", "a" * 400])
def test_what_an_unknown_person_typed_is_not_kept(typed: str, client: Client) -> None:
    """They may have typed their password into the wrong box."""
    assert enter(client, email=typed).status_code == 200
    assert typed.strip("\0") not in everything_written()
    assert all((entry.verb, entry.model, entry.row_id) == (Verb.SIGN_IN_FAILED, "", "") for entry in events())


def test_an_unknown_address_is_recorded_as_a_failure(client: Client) -> None:
    enter(client, email="somebody@example.com")
    assert [(entry.verb, entry.actor, entry.ip) for entry in events()] == [(Verb.SIGN_IN_FAILED, None, "9.9.9.9")]


def test_a_second_factor_is_recorded_when_used_and_when_refused(nora: User, client: Client) -> None:
    TOTP.activate(nora, SECRET)
    enter(client)
    assert Verb.SIGN_IN not in {entry.verb for entry in events()}  # the password alone is no sign-in
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    refused = events()[-1]
    assert (refused.verb, refused.actor, refused.row_id) == (Verb.SECOND_FACTOR_FAILED, None, str(nora.pk))
    code = format_hotp_value(hotp_value(SECRET, next(yield_hotp_counters_from_time())))
    client.post("/accounts/2fa/authenticate/", {"code": code})
    used = next(entry for entry in events() if entry.verb == Verb.SECOND_FACTOR)
    assert (used.actor, used.changes) == (nora, {"type": [None, "totp"]})
    assert Verb.SIGN_IN in {entry.verb for entry in events()}
    assert not {code, "000000", SECRET} & set(everything_written().replace("'", " ").split())


@pytest.fixture
def fenced(nora: User) -> tuple[ApiKey, str]:
    """A key that may be used from one network alone."""
    key, clear = create_api_key(team=ensure_personal_team(user=nora), creator=nora, name="fenced")
    ApiKey.objects.update(allowed_networks=["192.0.2.0/24"])
    return key, clear


def ask(clear: str, address: str) -> int:
    answer = Client(headers={"Authorization": f"Bearer {clear}"}).get("/v1/videos", REMOTE_ADDR=address)
    return int(answer.status_code)


def test_a_key_refused_for_its_address_is_in_the_teams_log(fenced: tuple[ApiKey, str]) -> None:
    key, clear = fenced
    assert ask(clear, "9.9.9.9") == 401
    (entry,) = events()
    assert (entry.verb, entry.team, entry.api_key, entry.ip) == (Verb.KEY_REFUSED, key.team, key, "9.9.9.9")
    assert (entry.model, entry.row_id, entry.actor) == ("accounts.ApiKey", str(key.pk), None)
    assert clear.rsplit("_", 1)[1] not in everything_written()


def test_the_same_refusal_fills_no_log(fenced: tuple[ApiKey, str]) -> None:
    _, clear = fenced
    assert [ask(clear, address) for address in ("9.9.9.9", "9.9.9.9", "8.8.8.8", "9.9.9.9")] == [401] * 4
    assert sorted(entry.ip for entry in events()) == ["8.8.8.8", "9.9.9.9"]


def test_neither_an_allowed_address_nor_a_wrong_secret_is_a_refusal(fenced: tuple[ApiKey, str]) -> None:
    """Who has the prefix alone must not be able to write into a team's log."""
    key, clear = fenced
    assert ask(clear, "192.0.2.7") == 200
    assert ask(f"mts_{key.prefix}_wrong", "9.9.9.9") == 401
    assert events() == []
