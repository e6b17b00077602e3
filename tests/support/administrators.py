"""Administrators: they have a second factor, and their session has used it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import Permission

from accounts.models import User
from accounts.teams.services import ensure_personal_team
from tests.support.people import Person, make_user, sign_in


def record_second_factor(person: Person) -> None:
    """Writes into the session what allauth writes after a sign-in with an authenticator app."""
    session = person.client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "type": "totp"}]
    session["account_authentication_methods_user"] = str(person.user.pk)
    session.save()


def staff(email: str, *permissions: str, superuser: bool = False) -> Person:
    user = make_user(email)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=superuser)
    for name in permissions:
        app, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    user.refresh_from_db()
    TOTP.activate(user, generate_totp_secret())
    person = sign_in(user, ensure_personal_team(user=user))
    record_second_factor(person)
    return person


def run_action(person: Person, path: str, **data: Any) -> Any:
    """Runs an action of the administration and confirms it in the same request."""
    return person.post(path, {"decided": "1", **data})


@pytest.fixture
def adele(db: None) -> Person:
    """An administrator with every permission."""
    return staff("adele@example.com", superuser=True)


@pytest.fixture
def make_staff(db: None) -> Callable[..., Person]:
    return staff
