"""Closing an account: conditions, consequences, and that no personal data remains. Also profile and sessions."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import serializers
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Invitation, Membership, Team, User
from accounts.people.account_deletion import delete_account
from accounts.quota.models import LedgerEntry
from accounts.roles import Role
from accounts.signals import account_deleted
from accounts.teams.services import provision_team
from common.errors import Conflict
from jobs.models import Job
from jobs.states import State
from tests.support.people import PASSWORD, Person, make_user


def confirmed(person: Person) -> Client:
    """The person's browser, after confirming the password."""
    response = person.client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert response.status_code == 302
    return person.client


def close(person: Person) -> Any:
    return confirmed(person).post("/account/close", {"email": person.user.email}, follow=True)


def all_rows() -> Iterator[str]:
    """Yield all rows of all tables as text, except sessions (signed) and the audit log (with its own retention)."""
    for model in apps.get_models():
        if not model._meta.managed:  # has no table
            continue
        if model not in {Session, AuditEntry}:
            yield from (json.dumps(row) for row in json.loads(serializers.serialize("json", model._base_manager.all())))


def test_closing_needs_the_password(charlie: Person) -> None:
    response = charlie.get("/account/close")
    assert response["Location"].startswith("/accounts/reauthenticate/")
    charlie.post("/account/close", {"email": charlie.user.email})
    assert User.objects.get(pk=charlie.user.pk).is_active


@pytest.mark.parametrize("typed", ["", "somebody@else.com", "charlie", "\0", "x" * 400])
def test_the_email_address_must_be_entered(typed: str, charlie: Person) -> None:
    response = confirmed(charlie).post("/account/close", {"email": typed})
    assert response.status_code == 422
    assert User.objects.get(pk=charlie.user.pk).is_active


def test_closing_ends_sessions_keys_and_jobs(charlie: Person, make_job: Callable[..., Job]) -> None:
    queued, done = make_job(charlie), make_job(charlie, State.COMPLETED)
    key, _ = create_api_key(team=charlie.team, creator=charlie.user, name="script")
    other = Client()
    other.post("/accounts/login/", {"login": charlie.user.email, "password": PASSWORD})
    assert other.get("/history").status_code == 200

    response = close(charlie)

    assert "Your account was closed" in response.content.decode()
    assert charlie.get("/history").status_code == other.get("/history").status_code == 302
    assert ApiKey.objects.get(pk=key.pk).revoked_at
    queued.refresh_from_db()
    done.refresh_from_db()
    assert (queued.state, done.state) == (State.CANCELED, State.COMPLETED)
    assert queued.deleted_at
    assert done.deleted_at
    assert Team.objects.get(pk=charlie.team.pk).deleted_at
    refused = Client().post("/accounts/login/", {"login": charlie.user.email, "password": PASSWORD})
    assert refused.status_code == 200


def test_rows_of_ledger_and_history_stay_without_personal_data(charlie: Person, make_job: Callable[..., Job]) -> None:
    User.objects.filter(pk=charlie.user.pk).update(name="Charlie Chaplin")
    charlie.user.refresh_from_db()
    make_job(charlie)
    TOTP.activate(charlie.user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    SocialAccount.objects.create(user=charlie.user, provider="company", uid="charlie-1")
    owner = make_user("owner@example.com")
    other_team = provision_team(name="Reel", owner=owner)
    Membership.objects.create(team=other_team, user=charlie.user, role=Role.MEMBER)
    Invitation.objects.create(
        team=other_team,
        email="Charlie@example.com",
        inviter=owner,
        secret_sha256=b"2" * 32,
        expires_at=timezone.now() + timedelta(days=1),
    )
    before = LedgerEntry.objects.filter(team=charlie.team).count()
    confirmed(charlie)

    delete_account(user=charlie.user)

    user = User.objects.get(pk=charlie.user.pk)
    assert (user.email, user.name, user.is_active) == (f"closed-{user.pk}@invalid", "", False)
    assert not user.has_usable_password()
    for model in (EmailAddress, Authenticator, SocialAccount, UserSession, Membership):
        assert not model.objects.filter(user=user).exists(), model
    assert LedgerEntry.objects.filter(team=charlie.team).count() > before
    assert [row for row in all_rows() if "charlie" in row.lower()] == []


def test_the_only_owner_of_a_shared_team_cannot_close_the_account(alice: Person, mia: Person) -> None:
    page = confirmed(alice).get("/account/close").content.decode()
    assert alice.team.name in page
    assert 'name="email"' not in page
    response = close(alice)
    assert "You are the only owner of alice" in response.content.decode()
    assert User.objects.get(pk=alice.user.pk).is_active
    assert Membership.objects.filter(team=alice.team).count() == 2

    Membership.objects.filter(user=mia.user).update(role=Role.OWNER)
    assert "Your account was closed" in close(alice).content.decode()
    assert Team.objects.get(pk=alice.team.pk).deleted_at is None
    assert list(Membership.objects.filter(team=alice.team).values_list("user", flat=True)) == [mia.user.pk]


def test_videos_made_for_other_teams_stay(alice: Person, mia: Person, make_job: Callable[..., Job]) -> None:
    hers, done = make_job(mia), make_job(mia, State.COMPLETED)
    make_job(alice)
    delete_account(user=mia.user)
    assert Job.objects.get(pk=hers.pk).state == State.CANCELED
    assert Job.objects.for_team(alice.team).filter(pk=done.pk).exists()
    assert Job.objects.filter(team=alice.team, state=State.QUEUED).count() == 1


def test_an_error_in_a_receiver_rolls_back(charlie: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise Conflict("not now")

    account_deleted.connect(fail)
    try:
        with pytest.raises(Conflict):
            delete_account(user=User.objects.get(pk=charlie.user.pk))
    finally:
        account_deleted.disconnect(fail)
    assert User.objects.get(pk=charlie.user.pk).is_active
    assert Membership.objects.filter(user=charlie.user).exists()


def test_another_browser_is_signed_out(charlie: Person) -> None:
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.post("/accounts/login/", {"login": charlie.user.email, "password": PASSWORD})
    current, other = browsers
    session = UserSession.objects.get(session_key=other.cookies["sessionid"].value)
    assert "This browser" in current.get("/accounts/sessions/").content.decode()
    response = current.post(f"/account/sessions/{session.pk}/end", follow=True)
    assert "The browser was signed out." in response.content.decode()
    assert other.get("/history").status_code == 302
    assert current.get("/history").status_code == 200


def test_sessions_of_others_cannot_be_ended(charlie: Person, alice: Person) -> None:
    other = Client()
    other.post("/accounts/login/", {"login": alice.user.email, "password": PASSWORD})
    session = UserSession.objects.get(user=alice.user)
    foreign = charlie.post(f"/account/sessions/{session.pk}/end")
    absent = charlie.post("/account/sessions/999999999/end")
    assert foreign.status_code == absent.status_code == 404
    assert other.get("/history").status_code == 200


def test_the_profile_is_saved_and_sets_the_language(charlie: Person) -> None:
    response = charlie.client.post("/account", {"name": "Charlie", "language": "zh-hans"}, follow=True)
    assert 'lang="zh-hans"' in response.content.decode()
    assert User.objects.values_list("name", "language").get(pk=charlie.user.pk) == ("Charlie", "zh-hans")
    charlie.post("/language", {"language": "en"})
    assert User.objects.get(pk=charlie.user.pk).language == "en"


@pytest.mark.parametrize(("path", "name"), [("/account", "Charlie"), ("/language", "")])
def test_the_language_cookie_has_the_attributes_of_the_others(
    path: str, name: str, charlie: Person, settings: Any
) -> None:
    settings.LANGUAGE_COOKIE_SECURE = True
    charlie.post(path, {"name": name, "language": "en"})
    cookie = charlie.client.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (cookie["secure"], cookie["samesite"]) == (True, "Lax")


@pytest.mark.parametrize("fields", [{"language": "xx"}, {"name": "\0", "language": "en"}, {"name": "x" * 121}])
def test_an_invalid_profile_is_rejected(fields: dict[str, str], charlie: Person) -> None:
    assert charlie.post("/account", fields).status_code == 422
