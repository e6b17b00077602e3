"""The migration on rows of earlier releases, which are written past the constraints."""

from importlib import import_module

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.db import connection
from django.utils import timezone

from accounts.models import Invitation, User
from accounts.teams.services import provision_team

migration = import_module("accounts.migrations.0010_canonical_emails")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_constraints(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_user DROP CONSTRAINT user_email_canonical")
        cursor.execute("ALTER TABLE accounts_invitation DROP CONSTRAINT invitation_email_canonical")


def former_user(email: str) -> User:
    user = User.objects.create_user("new@example.com")
    execute("UPDATE accounts_user SET email = %s WHERE id = %s", email, user.pk)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def execute(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_addresses_become_canonical() -> None:
    user = former_user("mia@münchen.example")
    EmailAddress.objects.create(user=user, email="mia@xn--mnchen-3ya.example", verified=False)
    team = provision_team(name="Reel", owner=user)
    for secret, email in [(b"1", "noa@bücher.example"), (b"2", "noa@xn--bcher-kva.example")]:
        invitation = Invitation.objects.create(
            team=team, email=f"{secret!r}@x.example", inviter=user, secret_sha256=secret, expires_at=timezone.now()
        )
        execute("UPDATE accounts_invitation SET email = %s WHERE id = %s", email, invitation.pk)

    migration._to_canonical(apps, None)

    assert User.objects.get().email == "mia@xn--mnchen-3ya.example"
    address = EmailAddress.objects.get()
    assert (address.email, address.primary, address.verified) == ("mia@xn--mnchen-3ya.example", True, True)
    assert Invitation.objects.get().email == "noa@xn--bcher-kva.example"


def test_accounts_with_one_address_are_named() -> None:
    unicode, ascii_only = former_user("mia@münchen.example"), former_user("mia@xn--mnchen-3ya.example")
    invalid = former_user("\u212aate@example.com")

    with pytest.raises(ValueError, match="Nothing was changed") as raised:
        migration._to_canonical(apps, None)

    message = str(raised.value)
    assert f"account {unicode.pk} (mia@münchen.example)" in message
    assert f"account {ascii_only.pk} (mia@xn--mnchen-3ya.example)" in message
    assert f"account {invalid.pk}: '\\u212aate@example.com' is not a valid email address" in message
    assert User.objects.filter(email="mia@xn--mnchen-3ya.example").get() == ascii_only
