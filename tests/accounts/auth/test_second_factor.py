"""Second factors: what counts as one, and what the database stores."""

import base64
import hashlib
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.test import Client

from accounts.auth.second_factor import decrypt, encrypt, has_second_factor
from accounts.models import User
from tests.support.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db

EMAIL = "nora@example.com"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def nora() -> User:
    user = make_user(EMAIL)
    TOTP.activate(user, SECRET)
    return user


def code(secret: str = SECRET) -> str:
    return str(format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time()))))


def enter_password(client: Client) -> Any:
    return client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})


def test_recovery_codes_alone_are_not_a_second_factor(nora: User) -> None:
    assert has_second_factor(nora)
    Authenticator.objects.filter(user=nora).update(type=Authenticator.Type.RECOVERY_CODES)
    assert not has_second_factor(nora)


def test_the_database_contains_no_plain_secret(nora: User) -> None:
    stored = Authenticator.objects.get(user=nora).data["secret"]
    assert SECRET not in stored
    assert decrypt(stored) == SECRET


def test_secrets_of_a_former_secret_key_can_be_decrypted(settings: Any) -> None:
    stored = encrypt("secret")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    with pytest.raises(InvalidToken):
        decrypt(stored)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert decrypt(stored) == "secret"


def test_the_key_is_derived_as_in_earlier_releases() -> None:
    key = hashlib.sha256(b"accounts.second_factor:" + settings.SECRET_KEY.encode()).digest()
    stored = Fernet(base64.urlsafe_b64encode(key)).encrypt(b"secret").decode()
    assert decrypt(stored) == "secret"


def test_the_password_alone_does_not_sign_in(nora: User, client: Client) -> None:
    response = enter_password(client)
    assert response["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/history").status_code == 302
    wrong = client.post(response["Location"], {"code": "000000"})
    assert 'aria-invalid="true"' in wrong.content.decode()
    assert client.get("/history").status_code == 302
    assert client.post(response["Location"], {"code": code()})["Location"] == "/"
    assert client.get("/history").status_code == 200


def test_a_code_works_once(nora: User) -> None:
    used = code()
    for client, status in ((Client(), 302), (Client(), 200)):
        enter_password(client)
        assert client.post("/accounts/2fa/authenticate/", {"code": used}).status_code == status


def test_guessing_codes_is_limited(nora: User, client: Client) -> None:
    enter_password(client)
    responses = [client.post("/accounts/2fa/authenticate/", {"code": f"00000{n}"}) for n in range(5)]
    assert not any("Too many" in response.content.decode() for response in responses)
    stopped = client.post("/accounts/2fa/authenticate/", {"code": code()})
    assert re.search("Too many", stopped.content.decode())
    assert client.get("/history").status_code == 302
