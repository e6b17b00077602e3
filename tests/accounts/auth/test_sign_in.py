"""Sign-up, sign-in and password reset through the pages, including the less common ones."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts.models import Team, User
from tests.support.people import PASSWORD, Person, make_user

EMAIL = "nora@example.com"


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def log_in(client: Client, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": EMAIL, "password": password})


def test_sign_up_confirm_sign_out_sign_in_reset(anonymous: Client) -> None:
    response = anonymous.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD}, follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/confirm-email/"
    assert "Confirm your email address" in text_of(response)
    assert f"We sent a code to {EMAIL}" in text_of(response)
    assert 'class="toast"' not in response.content.decode().split("<template")[0]
    message = mail.outbox[-1]
    match = re.search(r"^ {4}(\S+)$", str(message.body), re.MULTILINE)
    assert match
    code = match[1]
    assert code in message.subject

    wrong = anonymous.post("/accounts/confirm-email/", {"code": "WRONG1"})
    assert 'id="error-code"' in wrong.content.decode()
    assert 'aria-invalid="true"' in wrong.content.decode()
    response = anonymous.post("/accounts/confirm-email/", {"code": code}, follow=True)
    assert response.redirect_chain[-1][0] == "/"
    assert "Make a video" in text_of(response)
    team = Team.objects.get()
    assert (team.name, team.personal_of) == ("nora", User.objects.get(email=EMAIL))
    assert "1,000 credits left" in text_of(response)

    response = anonymous.post("/accounts/logout/", follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/login/"
    assert "You are signed out." in text_of(response)
    assert anonymous.get("/").status_code == 302

    refused = log_in(anonymous, "something else 1")
    assert refused.status_code == 200
    assert 'role="alert"' in refused.content.decode()
    assert EMAIL in refused.content.decode()

    response = anonymous.post("/accounts/password/reset/", {"email": EMAIL}, follow=True)
    assert "Check your email" in text_of(response)
    match = re.search(r"https?://[^/\s]+(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert match
    response = anonymous.get(match[1], follow=True)
    assert "Choose a new password" in text_of(response)
    new = "another-reel-1895"
    response = anonymous.post(response.redirect_chain[-1][0], {"password1": new, "password2": new}, follow=True)
    assert "Password changed" in text_of(response)
    used = anonymous.get(match[1], follow=True)
    assert "is no longer valid" in text_of(used)
    assert log_in(anonymous).status_code == 200
    assert log_in(anonymous, new)["Location"] == "/"


def test_sign_in_redirects_to_the_requested_page(anonymous: Client) -> None:
    make_user(EMAIL)
    page = anonymous.get("/accounts/login/?next=/history").content.decode()
    assert 'name="next"' in page
    response = anonymous.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD, "next": "/history"})
    assert response["Location"] == "/history"
    outside = anonymous.post(
        "/accounts/login/", {"login": EMAIL, "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert outside["Location"] == "/"


@pytest.mark.parametrize("password", ["short", "password12", "1234567890"])
def test_a_weak_password_is_rejected(password: str, anonymous: Client) -> None:
    response = anonymous.post("/accounts/signup/", {"email": EMAIL, "password1": password})
    assert response.status_code == 200
    assert re.search(r'id="error-password1"[^>]*>\s*<svg', response.content.decode())
    assert EMAIL in response.content.decode()


def test_a_second_sign_up_notifies_only_the_owner(anonymous: Client) -> None:
    make_user(EMAIL)
    response = anonymous.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD}, follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/confirm-email/"
    assert "already have an account" in mail.outbox[-1].subject
    assert User.objects.count() == 1


def test_a_reset_for_an_unknown_email_address_looks_the_same(anonymous: Client) -> None:
    response = anonymous.post("/accounts/password/reset/", {"email": "who@example.com"}, follow=True)
    assert "Check your email" in text_of(response)
    assert "No account" in mail.outbox[-1].subject


def test_a_closed_account_cannot_sign_in(anonymous: Client) -> None:
    User.objects.filter(pk=make_user(EMAIL).pk).update(is_active=False)
    response = anonymous.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD}, follow=True)
    assert "This account is closed" in text_of(response)


def test_guessing_passwords_is_limited(anonymous: Client) -> None:
    make_user(EMAIL)
    responses = [log_in(anonymous, f"guess number {n}") for n in range(12)]
    assert "Too many" in text_of(responses[-1])
    assert "Too many" in text_of(log_in(anonymous))


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/inactive/"]
)
def test_sign_in_pages_have_our_layout(path: str, anonymous: Client) -> None:
    page = anonymous.get(path).content.decode()
    assert "entrance-card" in page
    assert "css/tokens.css" in page
    assert "Menu:" not in page


@pytest.mark.parametrize("path", ["/accounts/email/", "/accounts/password/change/", "/accounts/logout/"])
def test_account_pages_have_our_layout(path: str, mia: Person) -> None:
    page = mia.get(path).content.decode()
    assert "css/tokens.css" in page
    assert "Menu:" not in page


def test_changing_the_password_needs_the_old_one(mia: Person) -> None:
    wrong = {"oldpassword": "no", "password1": "another-reel-1895", "password2": "another-reel-1895"}
    assert 'aria-invalid="true"' in mia.post("/accounts/password/change/", wrong).content.decode()
    response = mia.client.post("/accounts/password/change/", wrong | {"oldpassword": PASSWORD}, follow=True)
    assert "Your password was changed." in text_of(response)


def test_adding_an_email_address_needs_a_code(mia: Person) -> None:
    response = mia.client.post("/accounts/email/", {"action_add": "", "email": "second@example.com"}, follow=True)
    text = text_of(response)
    if "Confirm your identity" in text:
        path = response.redirect_chain[-1][0]
        response = mia.client.post(path, {"password": PASSWORD}, follow=True)
    assert any("second@example.com" in message.to for message in mail.outbox)


def test_the_language_follows_the_browser_and_the_switch(anonymous: Client) -> None:
    chinese = anonymous.get("/accounts/login/", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert 'lang="zh-hans"' in chinese.content.decode()
    response = anonymous.post("/language", {"language": "en", "next": "/accounts/login/"})
    assert response["Location"] == "/accounts/login/"
    english = anonymous.get("/accounts/login/", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert 'lang="en"' in english.content.decode()


def test_without_a_mail_server_the_page_shows_the_mail_folder(anonymous: Client, settings: Any) -> None:
    response = anonymous.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD}, follow=True)
    assert "no mail server" not in text_of(response)
    settings.EMAIL_FILE_PATH = "/srv/mutoscope/var/mail"
    assert "stores them in var/mail/." in text_of(anonymous.get("/accounts/confirm-email/"))


def test_two_spellings_of_an_email_address_are_one_account(anonymous: Client) -> None:
    for email in ("mia@münchen.example", "MIA@xn--mnchen-3ya.example"):
        anonymous.post("/accounts/signup/", {"email": email, "password1": PASSWORD})
    user = User.objects.get()
    assert user.email == "mia@xn--mnchen-3ya.example"
    EmailAddress.objects.filter(user=user).update(verified=True)

    browser = Client()
    browser.post("/accounts/login/", {"login": "mia@MÜNCHEN.example", "password": PASSWORD})
    assert browser.get("/accounts/email/").status_code == 200

    mail.outbox.clear()
    Client().post("/accounts/password/reset/", {"email": "mia@münchen.example"})
    assert [message.to for message in mail.outbox] == [["mia@xn--mnchen-3ya.example"]]


def test_a_letter_that_only_looks_alike_is_another_email_address(anonymous: Client) -> None:
    make_user("mia@mike.example")
    response = Client().post("/accounts/login/", {"login": "mia@m\u0131ke.example", "password": PASSWORD})
    assert "_auth_user_id" not in response.client.session
    anonymous.post("/accounts/signup/", {"email": "mia@m\u0131ke.example", "password1": PASSWORD})
    assert User.objects.filter(email="mia@xn--mke-jua.example").exists()
    response = Client().post("/accounts/signup/", {"email": "\u212aate@example.com", "password1": PASSWORD})
    assert "Enter a valid email address" in response.content.decode()
