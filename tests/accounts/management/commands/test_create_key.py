"""`manage.py create_key`: for scripts, so it prints the key and nothing else."""

import pytest
from django.core.management import CommandError, call_command

from accounts.auth.principals import principal_for_key
from accounts.models import ApiKey, Team, User
from accounts.quota.models import LedgerEntry, Wallet
from accounts.roles import Role, Scope
from common.errors import Unauthenticated


def create_key(capsys, *arguments: str) -> str:
    call_command("create_key", *arguments)
    return capsys.readouterr().out


def test_it_makes_what_is_missing_and_prints_the_key_alone(db, capsys):
    printed = create_key(capsys, "--email", "New@Example.com")
    key = printed.strip()
    assert printed == key + "\n"
    principal = principal_for_key(key, client_ip="127.0.0.1")
    assert (principal.user.email, principal.role, principal.scopes) == ("new@example.com", Role.OWNER, frozenset(Scope))
    assert Wallet.objects.get().balance == 1000
    assert not principal.user.check_password("")
    with pytest.raises(Unauthenticated):
        principal_for_key(key[:-1], client_ip="127.0.0.1")


def test_again_it_adds_a_key_and_credits_to_the_same_team(db, capsys):
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
def test_bad_arguments_make_nothing(arguments, db):
    with pytest.raises(CommandError):
        call_command("create_key", *arguments)
    assert not User.objects.exists()


def test_the_key_itself_is_kept_nowhere(db, capsys):
    secret = create_key(capsys, "--email", "a@example.com").strip().split("_", 2)[2]
    row = ApiKey.objects.values().get()
    assert secret not in repr(row)
    assert len(row["secret_sha256"]) == 32


def test_a_key_has_no_more_rights_than_its_creators_role(db, capsys):
    key = create_key(capsys, "--email", "a@example.com").strip()
    Team.objects.get().memberships.update(role=Role.VIEWER)
    assert principal_for_key(key, client_ip="127.0.0.1").scopes == {Scope.VIDEOS_READ, Scope.USAGE_READ}
    Team.objects.get().memberships.all().delete()
    with pytest.raises(Unauthenticated):
        principal_for_key(key, client_ip="127.0.0.1")


def test_looking_a_key_up_takes_one_query(db, capsys, django_assert_num_queries):
    key = create_key(capsys, "--email", "a@example.com").strip()
    principal_for_key(key, client_ip="127.0.0.1")  # the first use is noted
    with django_assert_num_queries(1):
        principal_for_key(key, client_ip="127.0.0.1")
