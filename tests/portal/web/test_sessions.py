"""Session keys from cookies: only valid ones reach the database."""

import pytest
from django.test import Client

from portal.web.sessions import SessionStore
from tests.support.people import Person

VALID = "a1" * 16


@pytest.mark.parametrize(
    ("key", "is_valid"),
    [
        (VALID, True),
        (None, False),
        ("", False),
        (VALID[:-1], False),
        (f"{VALID}a", False),
        (VALID.upper(), False),
        (f"{VALID[:-1]}\0", False),
        (f"{VALID}\n", False),
        (f"{VALID[:-1]}é", False),
    ],
)
def test_the_form_of_a_key(key: str | None, is_valid: bool) -> None:
    assert SessionStore(key).session_key == (key if is_valid else None)


def test_new_keys_are_valid(db: None) -> None:
    store = SessionStore()
    store.create()
    assert SessionStore(store.session_key).session_key == store.session_key


@pytest.mark.parametrize("cookie", ["\\000" * 32, "x" * 32, "'; DROP TABLE django_session", VALID])
def test_an_unknown_cookie_is_a_visitor_s(cookie: str, alice: Person) -> None:
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = cookie
    assert client.get("/history").status_code == 302
    assert alice.get("/history").status_code == 200
