"""Malformed requests to the forms of second factors are rejected without a server error."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from tests.support.people import PASSWORD, Person, make_user

HUGE = "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"  # a user's number with many digits


def credential(response: Any, **changes: Any) -> str:
    return json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": response} | changes)


SIGNED = {"clientDataJSON": "AA", "authenticatorData": "AA", "signature": "AA"}
INVALID_CREDENTIALS = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "a text": '"x"',
    "a number": "1",
    "null": "null",
    "an empty object": "{}",
    "NUL": "\0",
    "a number for a name": '{"id": 1}',
    "no base64": credential({}, id="x", rawId="x"),
    "an empty list": credential([]),
    "nobody's": credential(SIGNED | {"userHandle": None}),
    "somebody with many digits": credential(SIGNED | {"userHandle": HUGE}),
    "an empty attestation": credential({"clientDataJSON": "e30", "attestationObject": "oA"}),
    "half a character": credential({"clientDataJSON": "\ud800", "attestationObject": "\ud800"}),
    "a list for extensions": credential(SIGNED | {"userHandle": "MQ"}, clientExtensionResults=[]),
    "deep": "[" * 100_000,
}


@pytest.fixture(params=list(INVALID_CREDENTIALS.values()), ids=list(INVALID_CREDENTIALS))
def bad(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_signing_in_with_a_passkey(bad: str, anonymous: Client) -> None:
    anonymous.get("/accounts/2fa/webauthn/login/", headers={"Accept": "application/json"})
    response = anonymous.post("/accounts/2fa/webauthn/login/", {"credential": bad})
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/")
    assert anonymous.get("/history").status_code == 302


def test_using_a_passkey_as_the_second_factor(bad: str, anonymous: Client) -> None:
    TOTP.activate(make_user("nora@example.com"), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    anonymous.post("/accounts/login/", {"login": "nora@example.com", "password": PASSWORD})
    for field in ("credential", "code"):
        anonymous.get("/accounts/2fa/authenticate/")
        assert anonymous.post("/accounts/2fa/authenticate/", {field: bad}).status_code == 200
    assert anonymous.get("/history").status_code == 302


def test_registering_a_passkey(bad: str, charlie: Person) -> None:
    charlie.post("/accounts/reauthenticate/", {"password": PASSWORD})
    charlie.get("/accounts/2fa/webauthn/add/")
    assert charlie.post("/accounts/2fa/webauthn/add/", {"credential": bad, "name": bad}).status_code == 200
    assert charlie.post("/accounts/2fa/totp/activate/", {"code": bad}).status_code == 200
    assert charlie.post("/accounts/3rdparty/", {"account": bad}).status_code == 200
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "path", ["/accounts/2fa/webauthn/keys/{}/edit/", "/accounts/2fa/webauthn/keys/{}/remove/", "/account/data/{}"]
)
def test_unknown_authenticators_are_not_found(path: str, charlie: Person) -> None:
    charlie.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for number in ("1", "9" * 30):
        assert charlie.get(path.format(number)).status_code == 404
