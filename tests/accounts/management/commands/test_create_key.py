"""`manage.py create_key` prints only the key, for scripts."""

import io
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.auth.principals import principal_for_key
from accounts.management.commands import create_key as create_key_command
from accounts.models import ApiKey, Team, User
from accounts.quota.models import LedgerEntry, Wallet
from accounts.roles import Role, Scope
from common.errors import Unauthenticated


def create_key(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("create_key", *arguments)
    return capsys.readouterr().out


def test_missing_rows_are_created_and_only_the_key_is_printed(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    printed = create_key(capsys, "--email", "New@Example.com")
    key = printed.strip()
    assert printed == key + "\n"
    principal = principal_for_key(key, client_ip="127.0.0.1")
    assert (principal.user.email, principal.role, principal.scopes) == ("new@example.com", Role.OWNER, frozenset(Scope))
    assert Wallet.objects.get().balance == 1000
    assert not principal.user.check_password("")
    with pytest.raises(Unauthenticated):
        principal_for_key(key[:-1], client_ip="127.0.0.1")


def test_a_second_call_adds_a_key_and_credits(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    create_key(capsys, "--email", "a@example.com")
    create_key(capsys, "--email", "A@example.com", "--credits", "50")
    assert (User.objects.count(), Team.objects.count(), ApiKey.objects.count()) == (1, 1, 2)
    assert Wallet.objects.get().balance == 1050
    assert list(LedgerEntry.objects.order_by("id").values_list("balance_delta", flat=True)) == [1000, 50]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--email", "nobody"],
        ["--email", "a@" + "b." * 130 + "example.com"],
        ["--email", "a@example.com", "--credits", "-1"],
        ["--email", "a@example.com", "--credits", "9999999999999999999999"],
        ["--email", "a@example.com", "--name", "n" * 81],
    ],
)
def test_invalid_arguments_create_nothing(arguments: list[str], db: None) -> None:
    with pytest.raises(CommandError):
        call_command("create_key", *arguments)
    assert not User.objects.exists()


def test_the_password_is_read_from_standard_input(
    db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    create_key(capsys, "--email", "a@example.com", "--password")
    assert User.objects.get().check_password("correct horse battery")
    with pytest.raises(CommandError, match="the password is empty"):
        call_command("create_key", "--email", "b@example.com", "--password")
    assert not User.objects.filter(email="b@example.com").exists()


@pytest.mark.django_db(transaction=True)
def test_no_transaction_waits_for_somebody_to_type(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def respond(_prompt: str) -> str:
        assert connection.get_autocommit()
        return "correct horse battery"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(create_key_command, "getpass", respond)
    create_key(capsys, "--email", "a@example.com", "--password")
    assert User.objects.get().check_password("correct horse battery")


def test_an_existing_password_is_not_changed(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    create_key(capsys, "--email", "a@example.com")
    before = User.objects.get().password
    call_command("create_key", "--email", "a@example.com", "--password")
    assert "Its password was not changed." in capsys.readouterr().err
    assert User.objects.get().password == before


def test_the_password_is_no_argument(db: None) -> None:
    with pytest.raises(CommandError, match="unrecognized arguments: hunter2"):
        call_command("create_key", "--email", "a@example.com", "--password", "hunter2")


def test_the_secret_is_not_stored(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    secret = create_key(capsys, "--email", "a@example.com").strip().split("_", 2)[2]
    row = ApiKey.objects.values().get()
    assert secret not in repr(row)
    assert len(row["secret_sha256"]) == 32


def test_a_key_has_no_more_scopes_than_its_creators_role(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    key = create_key(capsys, "--email", "a@example.com").strip()
    Team.objects.get().memberships.update(role=Role.VIEWER)
    assert principal_for_key(key, client_ip="127.0.0.1").scopes == {Scope.VIDEOS_READ, Scope.USAGE_READ}
    Team.objects.get().memberships.all().delete()
    with pytest.raises(Unauthenticated):
        principal_for_key(key, client_ip="127.0.0.1")


def test_authenticating_takes_one_query(
    db: None, capsys: pytest.CaptureFixture[str], django_assert_num_queries: Any
) -> None:
    key = create_key(capsys, "--email", "a@example.com").strip()
    principal_for_key(key, client_ip="127.0.0.1")  # records the first use
    with django_assert_num_queries(1):
        principal_for_key(key, client_ip="127.0.0.1")


def test_an_account_whose_email_address_only_looks_alike_gets_no_key(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    mike = User.objects.create_user("mia@mike.example")
    key = create_key(capsys, "--email", "mia@m\u0131ke.example").strip()
    assert principal_for_key(key, client_ip="127.0.0.1").user != mike
    with pytest.raises(CommandError, match="valid email address"):
        create_key(capsys, "--email", "m\u0131a@mike.example")
